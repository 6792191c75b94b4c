import { describe, test } from "vitest";
import { parseManifest } from "./manifest.ts";
import { OCI_INDEX, OCI_MANIFEST, WASM_CONFIG } from "./media-types.ts";

const digestOf = (digit: string): string => `sha256:${digit.repeat(64)}`;
const layer = (mediaType: string, digit = "a") => ({ mediaType, digest: digestOf(digit), size: 10 });
const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const image = (...layers: object[]) => ({
  schemaVersion: 2,
  mediaType: OCI_MANIFEST,
  config: { mediaType: WASM_CONFIG, digest: digestOf("c"), size: 2 },
  layers,
});
const entry = (digit: string, os: string, architecture: string) => ({
  ...layer(OCI_MANIFEST, digit),
  platform: { os, architecture },
});

const PROVIDER = { kind: "executable", architecture: "arm64" } as const;

describe("parseManifest()", () => {
  test.for([
    "application/wasm",
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
    "application/vnd.oci.image.layer.v1.tar",
  ])("takes a single layer of type %s", (mediaType, { expect }) => {
    const found = parseManifest(encode(image(layer(mediaType))), undefined, "x");
    expect(found).toMatchObject({ kind: "image", layer: { digest: digestOf("a"), size: 10, mediaType } });
  });

  test("takes the first WebAssembly layer of several", ({ expect }) => {
    const layers = [layer("text/markdown", "1"), layer("application/wasm", "2"), layer("application/wasm", "3")];
    expect(parseManifest(encode(image(...layers)), undefined, "x")).toMatchObject({ layer: { digest: digestOf("2") } });
  });

  test("takes docker's own types, and a type that only the header has", ({ expect }) => {
    const docker = {
      ...image(layer("application/wasm")),
      mediaType: "application/vnd.docker.distribution.manifest.v2+json",
    };
    expect(parseManifest(encode(docker), undefined, "x").kind).toBe("image");
    const { mediaType, ...bare } = image(layer("application/wasm"));
    expect(parseManifest(encode(bare), `${mediaType}; charset=utf-8`, "x").kind).toBe("image");
  });

  test.for([
    "application/vnd.wasmcloud.provider.archive.layer.v1+par",
    "application/vnd.oci.image.layer.v1.tar",
    "application/octet-stream",
  ])("takes a single layer of type %s for a provider", (mediaType, { expect }) => {
    const found = parseManifest(encode(image(layer(mediaType))), undefined, "x", PROVIDER);
    expect(found).toMatchObject({ kind: "image", layer: { digest: digestOf("a"), mediaType } });
  });

  test("takes no component for a provider, and no provider for a component", ({ expect }) => {
    const [wasm, par] = ["application/wasm", "application/vnd.wasmcloud.provider.archive.layer.v1+par"].map((type) =>
      encode(image(layer(type))),
    );
    expect(() => parseManifest(wasm ?? encode({}), undefined, "x", PROVIDER)).toThrow(/it has no provider layer/);
    expect(() => parseManifest(par ?? encode({}), undefined, "x")).toThrow(/it has no WebAssembly layer/);
  });

  test("takes the image of the machine's architecture for a provider", ({ expect }) => {
    const manifests = [entry("1", "linux", "amd64"), entry("2", "linux", "arm64"), entry("3", "wasip2", "wasm")];
    const index = encode({ mediaType: OCI_INDEX, manifests });
    expect(parseManifest(index, undefined, "x", PROVIDER)).toEqual({ kind: "index", manifest: digestOf("2") });
    const other = { kind: "executable", architecture: "riscv64" } as const;
    expect(() => parseManifest(index, undefined, "x", other)).toThrow(/want one for linux\/riscv64/);
  });

  test("gives the annotations of the image", ({ expect }) => {
    const annotated = {
      ...image(layer("application/wasm")),
      annotations: { "org.opencontainers.image.version": "1.2" },
    };
    expect(parseManifest(encode(annotated), undefined, "x")).toMatchObject({
      annotations: { "org.opencontainers.image.version": "1.2" },
    });
  });

  test("takes the WebAssembly image of an index", ({ expect }) => {
    const manifests = [entry("1", "linux", "amd64"), entry("2", "wasip1", "wasm"), entry("3", "wasip2", "wasm")];
    const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
    expect(parseManifest(encode(index), undefined, "x")).toEqual({ kind: "index", manifest: digestOf("3") });
  });

  test("takes the image of an index that names no platform, and not an attestation", ({ expect }) => {
    const manifests = [entry("1", "unknown", "unknown"), layer(OCI_MANIFEST, "2")];
    expect(parseManifest(encode({ manifests }), OCI_INDEX, "x")).toEqual({ kind: "index", manifest: digestOf("2") });
  });

  test.for([
    ["a container", image(layer("application/vnd.oci.image.layer.v1.tar+gzip")), "no WebAssembly layer"],
    ["no layers", image(), "none at all"],
    ["two tars", image(layer("application/vnd.oci.image.layer.v1.tar"), layer("x")), "no WebAssembly layer"],
    ["another platform", { mediaType: OCI_INDEX, manifests: [entry("1", "linux", "arm64")] }, "linux/arm64"],
    ["something else", { hello: 1 }, "want one of an image"],
    ["a digest of another kind", image({ ...layer("application/wasm"), digest: "md5:1" }), "cannot be read"],
  ] as const)("refuses %s", ([, value, reason], { expect }) => {
    expect(() => parseManifest(encode(value), OCI_MANIFEST, "x")).toThrow(reason);
  });

  test("refuses what is not JSON", ({ expect }) => {
    expect(() => parseManifest(Buffer.from("<html>"), OCI_MANIFEST, "x")).toThrow(/cannot be read/);
  });
});
