import { assert, constantFrom, jsonValue, property } from "fast-check";
import { describe, test } from "vitest";
import { stringify } from "yaml";
import { isPetioleError } from "../domain/errors.ts";
import { parseManifest } from "./parse.ts";

type Json = Readonly<Record<string, unknown>>;

const scaler = { type: "spreadscaler", properties: { instances: 1 } };
const linkTo = (target: unknown, more: Json = {}): Json => ({
  type: "link",
  properties: { namespace: "wasi", package: "keyvalue", interfaces: ["store"], target, ...more },
});
const api = (more: Json = {}, traits: readonly unknown[] = [scaler]): Json => ({
  name: "api",
  type: "component",
  properties: { image: "registry.example/api:1", ...more },
  traits,
});
const store = { name: "store", type: "capability", properties: { image: "petiole://keyvalue-memory" } };
const app = (components: readonly unknown[], more: Json = {}): Json => ({
  apiVersion: "core.oam.dev/v1beta1",
  kind: "Application",
  metadata: { name: "thermo", annotations: {} },
  spec: { components },
  ...more,
});
const metadata = (more: Json): Json => app([api()], { metadata: { name: "thermo", annotations: {}, ...more } });
const secret = (policy: string): Json => ({ secrets: [{ name: "token", properties: { policy, key: "k" } }] });
const policy = (type: string, properties: Json): Json => ({ name: "vault", type, properties });
const SECRET = "policy.secret.wasmcloud.dev/v1alpha1";

/** Every fault, without its source and place. */
function faultsOf(manifest: unknown): string[] {
  try {
    parseManifest(typeof manifest === "string" ? manifest : stringify(manifest), "app.yaml");
    return [];
  } catch (error) {
    if (!isPetioleError(error, "ERR_MANIFEST_INVALID")) throw error;
    return error.message
      .split("\n")
      .slice(1)
      .map((line) => line.replace(/^app\.yaml:\d+:\d+: /, ""));
  }
}

describe("parseManifest() refuses", () => {
  test.for<[string, unknown, RegExp]>([
    ["an empty file", "", /^apiVersion: /],
    ["a key at the top that is not known", app([api()], { status: {} }), /^status: this key is not known here$/],
    ["a name with a dot", metadata({ name: "ther.mo" }), /^metadata\.name: want letters, digits/],
    ["no annotations", app([api()], { metadata: { name: "thermo" } }), /^metadata.*annotations: /],
    ["an annotation that is a number", metadata({ annotations: { version: 1.2 } }), /version: found 1\.2, want text/],
    ["an annotation's key", metadata({ annotations: { "a b": "c" } }), /^metadata\.annotations\.a b: want a name/],
    [
      "a label's prefix",
      metadata({ labels: { "1x.example/a": "c" } }),
      /^metadata\.labels\.1x\.example\/a: want a name/,
    ],
    ["the version latest", metadata({ annotations: { version: "latest" } }), /version: "latest" stands for/],
    ["an unknown kind of component", app([{ ...api(), type: "service" }]), /^spec\.components\[0\]\.type: /],
    [
      "two components of one name",
      app([api(), api()]),
      /^spec\.components\[1\]\.name: there is a component "api" already$/,
    ],
    [
      "two components of one id",
      app([api({ id: "x" }), { ...store, properties: { ...store.properties, id: "x" } }]),
      /properties\.id: there is an id "x" already$/,
    ],
    [
      "neither image nor application",
      app([{ ...api(), properties: {} }]),
      /properties: want an image or an application$/,
    ],
    [
      "image and application",
      app([api({ application: { name: "a", component: "b" } })]),
      /application: there is an image already/,
    ],
    ["a property that is not known", app([api({ replicas: 2 })]), /properties\.replicas: this key is not known here$/],
    [
      "config of another application's component",
      app([
        {
          name: "x",
          type: "component",
          properties: { application: { name: "a", component: "b" }, config: [{ name: "c" }] },
        },
      ]),
      /gets no config here/,
    ],
    [
      "secrets of another application's component",
      app([
        {
          name: "x",
          type: "component",
          properties: { application: { name: "a", component: "b" }, ...secret("vault") },
        },
      ]),
      /gets no secrets here/,
    ],
    [
      "a scaler of another application's component",
      app([
        { name: "x", type: "component", properties: { application: { name: "a", component: "b" } }, traits: [scaler] },
      ]),
      /is not scaled here/,
    ],
    [
      "a trait of an unknown type",
      app([api({}, [{ type: "autoscaler", properties: {} }])]),
      /traits\[0\].*: want a trait of the type/,
    ],
    [
      "a scaler without instances",
      app([api({}, [{ type: "spreadscaler", properties: {} }])]),
      /instances: want the number of instances$/,
    ],
    [
      "instances and replicas",
      app([api({}, [{ type: "spreadscaler", properties: { instances: 1, replicas: 1 } }])]),
      /want one of the two$/,
    ],
    [
      "a spread without requirements",
      app([api({}, [{ type: "spreadscaler", properties: { instances: 1, spread: [{ name: "x" }] } }])]),
      /requirements: /,
    ],
    [
      "weights of 0",
      app([
        api({}, [
          { type: "spreadscaler", properties: { instances: 1, spread: [{ name: "x", requirements: {}, weight: 0 }] } },
        ]),
      ]),
      /want a weight above 0/,
    ],
    [
      "a key of a scaler that is not known",
      app([api({}, [{ type: "daemonscaler", properties: { instances: 1, count: 1 } }])]),
      /count: this key is not known here$/,
    ],
    [
      "a link to nothing",
      app([api({}, [linkTo({ name: "nowhere" })])]),
      /target: no component of the manifest is named "nowhere"$/,
    ],
    [
      "a link of old to nothing",
      app([api({}, [linkTo("nowhere")])]),
      /no component of the manifest is named "nowhere"$/,
    ],
    [
      "a link without interfaces",
      app([api({}, [linkTo({ name: "store" }, { interfaces: [] })]), store]),
      /interfaces: /,
    ],
    [
      "two links that share an interface",
      app([api({}, [linkTo({ name: "store" }), linkTo("store", { interfaces: ["atomics", "store"] })]), store]),
      /another link of the component with the name "default" has wasi:keyvalue\/store$/,
    ],
    [
      "two link configurations of one name",
      app([
        api({}, [
          linkTo({ name: "store", config: [{ name: "c", properties: {} }] }),
          linkTo("store", { name: "b", source_config: [{ name: "c", properties: {} }] }),
        ]),
        store,
      ]),
      /there is a configuration of a link with properties "c" already$/,
    ],
    [
      "a value that is no text",
      app([api({ config: [{ name: "c", properties: { port: 8080 } }] })]),
      /port: found 8080, want text/,
    ],
    [
      "a key of a configuration that is not known",
      app([api({ config: [{ name: "c", values: {} }] })]),
      /values: this key is not known here$/,
    ],
    ["a secret of no policy", app([api(secret("vault"))]), /policy: there is no policy "vault"$/],
    [
      "a secret of another policy",
      app([api(secret("vault"))], { spec: { components: [api(secret("vault"))], policies: [policy("other", {})] } }),
      /is not of the type/,
    ],
    [
      "a secret policy without a backend",
      app([], { spec: { components: [api(secret("vault"))], policies: [policy(SECRET, {})] } }),
      /the policy "vault" names no backend$/,
    ],
  ])("%s", ([, manifest, fault], { expect }) => {
    const faults = faultsOf(manifest);
    expect(faults).toEqual([expect.stringMatching(fault), ...faults.slice(1)]);
  });

  test("everything at once, each with its line", ({ expect }) => {
    const text = [
      "apiVersion: core.oam.dev/v1beta1",
      "kind: Application",
      "metadata: { name: thermo, annotations: { version: latest } }",
      "spec:",
      "  components:",
      "    - name: api",
      "      type: component",
      "      properties: { image: x, application: { name: a, component: b } }",
      "      traits:",
      "        - { type: spreadscaler, properties: { instances: -1 } }",
      "        - { type: link, properties: { namespace: n, package: p, interfaces: [i], target: { name: gone } } }",
    ].join("\n");
    expect(() => parseManifest(text, "app.yaml")).toThrow(
      /found 4 faults\napp\.yaml:3:.*\napp\.yaml:8:.*\napp\.yaml:10:.*\napp\.yaml:11:/,
    );
  });

  test("what is larger than a device keeps, and what is no YAML", ({ expect }) => {
    const big = stringify(metadata({ annotations: { description: "x".repeat(300_000) } }));
    expect(() => parseManifest(big, "app.yaml")).toThrow(expect.objectContaining({ code: "ERR_MANIFEST_INVALID" }));
    expect(() => parseManifest("a: [", "app.yaml")).toThrow(expect.objectContaining({ code: "ERR_MANIFEST_INVALID" }));
  });
});

test("parseManifest() has an answer for everything: a manifest, or its faults", ({ expect }) => {
  const whole = app([
    api({ config: [{ name: "c", properties: { a: "1" } }] }, [scaler, linkTo({ name: "store" })]),
    store,
  ]);
  const places = placesOf(whole, []);
  assert(
    property(constantFrom(...places), jsonValue({ maxDepth: 3 }), (place, value) => {
      expect(() => faultsOf(JSON.stringify(withValue(whole, place, value)))).not.toThrow();
    }),
    { numRuns: 200 },
  );
  assert(
    property(jsonValue(), (value) => {
      expect(() => faultsOf(JSON.stringify(value))).not.toThrow();
    }),
  );
});

type Place = readonly (string | number)[];

/** Every path in a document. */
function placesOf(value: unknown, path: Place): Place[] {
  if (typeof value !== "object" || value === null) return [path];
  const keys = Array.isArray(value) ? value.keys() : Object.keys(value);
  return [
    path,
    ...[...keys].flatMap((key) => placesOf((value as Record<string | number, unknown>)[key], [...path, key])),
  ];
}

function withValue(document: unknown, [key, ...rest]: Place, value: unknown): unknown {
  if (key === undefined) return value;
  const inner = (document as Record<string | number, unknown>)[key];
  const changed = withValue(inner, rest, value);
  if (Array.isArray(document)) return document.with(Number(key), changed);
  return { ...(document as object), [key]: changed };
}

describe("parseManifest() takes", () => {
  test("JSON, and the names of old", ({ expect }) => {
    const text = JSON.stringify(
      app([{ ...api({}, [{ type: "spreadscaler", properties: { replicas: 3 } }]), type: "actor" }, store]),
    );
    const { manifest, warnings } = parseManifest(text, "app.json");
    expect(warnings).toEqual([]);
    expect(manifest.components[0]).toMatchObject({
      kind: "component",
      traits: [{ type: "spreadscaler", instances: 3 }],
    });
  });

  test("links of both forms as the same", ({ expect }) => {
    const config = [{ name: "c", properties: { a: "1" } }];
    const source = [{ name: "d" }];
    const now = parseManifest(
      stringify(app([api({}, [linkTo({ name: "store", config }, { source: { config: source } })]), store])),
      "a",
    );
    const old = parseManifest(
      stringify(app([api({}, [linkTo("store", { target_config: config, source_config: source })]), store])),
      "b",
    );
    expect(old.manifest).toEqual(now.manifest);
    expect(now.manifest.components[0]?.traits[0]).toEqual({
      type: "link",
      name: "default",
      namespace: "wasi",
      package: "keyvalue",
      interfaces: ["store"],
      target: { name: "store", config, secrets: [] },
      source: { config: source, secrets: [] },
    });
    expect(old.warnings).toHaveLength(2 + 1);
  });

  test("what only looks wrong, with a warning that says where", ({ expect }) => {
    const text = stringify(
      app([{ ...api({}, [linkTo("store", { interfaces: ["stores"] })]), replicas: 1 }, store], { apiVersion: "v2" }),
    );
    expect(parseManifest(text, "app.yaml").warnings).toEqual([
      expect.stringMatching(/^app\.yaml:1:1: apiVersion: found "v2"/),
      expect.stringMatching(/: it has no spreadscaler or daemonscaler, and is not started$/),
      expect.stringMatching(/wasi:keyvalue has no interface stores, as far as is known/),
      expect.stringMatching(/replicas: this key is not known here, and means nothing$/),
    ]);
  });

  test("version, description and whether it is shared from the annotations", ({ expect }) => {
    const annotations = { version: "1.2.0", description: "d", "experimental.wasmcloud.dev/shared": "true" };
    const { manifest } = parseManifest(stringify(metadata({ annotations })), "a");
    expect(manifest).toMatchObject({ name: "thermo", version: "1.2.0", description: "d", shared: true });
  });
});
