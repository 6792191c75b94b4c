import { describe, test } from "vitest";
import { parseDocument } from "./document.ts";
import { parseConfig } from "./parse.ts";

const base = parseConfig(
  "device: { id: d }\ncomponents: { a: { file: a.wasm } }\nproviders: { bus: { type: messaging-nats } }\n",
  "/etc/petiole/petiole.yaml",
);
const context = { source: "revision 7", folder: "/etc/petiole", base };

describe("parseDocument()", () => {
  test("reads YAML and JSON, with paths that start at the configuration's folder", ({ expect }) => {
    const yaml = "components:\n  b: { file: b.wasm, config: { n: 1 } }\n";
    const json = '{"components":{"b":{"file":"b.wasm","config":{"n":1}}}}';
    const { config } = parseDocument(yaml, context);
    expect(config.components["b"]).toMatchObject({ file: "/etc/petiole/b.wasm", config: { n: "1" } });
    expect(parseDocument(json, context).config).toEqual(config);
  });

  test("an empty document wants nothing", ({ expect }) => {
    expect(parseDocument("", context).config).toEqual({ components: {}, providers: {}, links: [] });
  });

  test("says which petiole should run, by version and release", ({ expect }) => {
    const agent = { version: "1.2.0", release: "nats-object://releases/1.2.0" };
    expect(parseDocument(JSON.stringify({ agent }), context).config.agent).toEqual(agent);
    for (const fault of [{ ...agent, version: "latest" }, { version: "1.2.0" }, { ...agent, force: true }]) {
      expect(() => parseDocument(JSON.stringify({ agent: fault }), context)).toThrow(/agent/);
    }
  });

  test("its links may name items of the file", ({ expect }) => {
    const text = "links: [{ from: bus, to: a, interfaces: [wasmcloud:messaging/handler] }]";
    expect(parseDocument(text, context).config.links).toHaveLength(1);
  });

  test("has executables only where the file allows it", ({ expect }) => {
    const text = "providers: { kv: { type: executable, config: { file: /opt/kv } } }";
    expect(() => parseDocument(text, context)).toThrow(
      /providers\.kv: this device runs executables for others only with/,
    );
    const allowing = parseConfig(
      [
        "device: { id: d }",
        "hub: { mode: direct, urls: [nats://h:4222] }",
        "lattice: { executables: { from_outside: true } }",
      ].join("\n"),
      "/etc/petiole/petiole.yaml",
    );
    expect(parseDocument(text, { ...context, base: allowing }).config.providers["kv"]).toMatchObject({
      type: "executable",
    });
  });

  test("refuses with every fault at once", ({ expect }) => {
    const text = [
      "device: { id: other }",
      "components: { bus: { file: x.wasm }, c: { file: c.wasm, digest: sha256:12 } }",
      "providers: { a: { type: mqtt } }",
      "links: [{ from: bus, to: nobody, interfaces: [wasi:keyvalue/store] }]",
    ].join("\n");
    const error = (() => {
      try {
        parseDocument(text, context);
        return undefined;
      } catch (thrown) {
        return thrown as Error;
      }
    })();
    expect(error).toMatchObject({ code: "ERR_CONFIG_INVALID" });
    const faults = error?.message.split("\n").slice(1) ?? [];
    expect(faults).toEqual([
      "revision 7:1:1: device: this key is not known here",
      expect.stringContaining('components.bus: "bus" is also the name of a provider'),
      expect.stringContaining("components.c.digest: want sha256: and 64 hexadecimal digits"),
      expect.stringContaining('providers.a: "a" is also the name of a component'),
      expect.stringContaining('links[0].to: no component or provider is named "nobody"'),
    ]);
  });
});
