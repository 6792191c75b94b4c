import { describe, test } from "vitest";
import { SecretReference } from "../domain/secret.ts";
import { deviceChanges } from "./changes.ts";
import type { Manifest } from "./manifest.ts";
import { parseManifest } from "./parse.ts";
import { translate, type DeviceView } from "./translate.ts";

const PROVIDERS: Readonly<Record<string, string>> = {
  "petiole://keyvalue-sqlite": "keyvalue-sqlite",
  "builtin:mqtt": "mqtt",
};

function parse(components: string, annotations = "{ version: 1.0.0 }", name = "thermo"): Manifest {
  const head = [
    "apiVersion: core.oam.dev/v1beta1",
    "kind: Application",
    `metadata: { name: ${name}, annotations: ${annotations} }`,
  ];
  return parseManifest([...head, "spec:", "  components:", components].join("\n"), "app.yaml").manifest;
}

const device = (more: Partial<DeviceView> = {}): DeviceView => ({
  labels: { zone: "edge" },
  providerType: (image) => PROVIDERS[image],
  componentProblem: (image) => (image.startsWith("ftp:") ? "no such scheme" : undefined),
  secret: ({ name, backend, key, policy, application }) =>
    backend === "nats-kv"
      ? { reference: new SecretReference({ secret: key, backend }, { application, policy }) }
      : { problem: `no backend for ${name}` },
  namedConfig: (name) => (name === "site" ? { site: "north", unit: "kelvin" } : undefined),
  application: () => undefined,
  ...more,
});

const WHOLE = `
    - name: api
      type: component
      properties:
        image: registry.example/api:1
        config: [{ name: site }, { name: units, properties: { unit: celsius } }]
      traits:
        - type: spreadscaler
          properties:
            instances: 4
            spread: [{ name: e, requirements: { zone: edge }, weight: 75 }, { name: c, requirements: { zone: cloud }, weight: 25 }]
        - type: link
          properties:
            namespace: wasi
            package: keyvalue
            interfaces: [store, atomics]
            target: { name: store, config: [{ name: bucket, properties: { bucket: readings, limit: "5" } }] }
    - name: store
      type: capability
      properties: { image: petiole://keyvalue-sqlite, config: [{ name: opts, properties: { path: '"12"' } }] }
    - name: broker
      type: capability
      properties: { image: builtin:mqtt }
      traits:
        - type: link
          properties:
            namespace: wasmcloud
            package: messaging
            interfaces: [handler]
            target: { name: api, config: [{ name: unseen, properties: { a: b } }] }
            source: { config: [{ name: topics, properties: { subscriptions: '["a/#"]' } }] }`;

describe("translate()", () => {
  test("gives ids, merged configurations, instances of this host, and links with the provider's configuration", ({
    expect,
  }) => {
    const { components, providers, links, faults, notes } = translate(parse(WHOLE), device());
    expect(faults).toEqual([]);
    expect(components).toEqual([
      {
        id: "thermo-api",
        reference: "registry.example/api:1",
        count: 3,
        config: { site: "north", unit: "celsius" },
      },
    ]);
    expect(providers).toEqual([
      { id: "thermo-store", type: "keyvalue-sqlite", config: { path: "12" } },
      { id: "thermo-broker", type: "mqtt", config: {} },
    ]);
    expect(links).toEqual([
      expect.objectContaining({
        name: "default",
        source: "thermo-api",
        target: "thermo-store",
        interfaces: ["wasi:keyvalue/store", "wasi:keyvalue/atomics"],
        config: { bucket: "readings", limit: 5 },
        here: true,
      }),
      expect.objectContaining({
        source: "thermo-broker",
        target: "thermo-api",
        interfaces: ["wasmcloud:messaging/handler"],
        config: { subscriptions: ["a/#"] },
      }),
    ]);
    expect(notes).toEqual([expect.objectContaining({ message: expect.stringMatching(/does not see it/) as string })]);
  });

  test("leaves out what is for other hosts, and the links to it", ({ expect }) => {
    const { components, links, placed, faults } = translate(parse(WHOLE), device({ labels: { zone: "lab" } }));
    expect(components).toEqual([]);
    expect(links.map(({ here }) => here)).toEqual([false, false]);
    expect(placed.map(({ placement }) => placement)).toEqual(["elsewhere", "here", "here"]);
    expect(faults).toEqual([]);
  });

  test.for<[string, string, RegExp, readonly PropertyKey[]]>([
    [
      "a provider that is not here",
      "properties: { image: registry.example/kv:1 }, type: capability",
      /no provider "registry\.example\/kv:1"/,
      ["spec", "components", 0, "properties", "image"],
    ],
    [
      "an image that cannot be had",
      "properties: { image: 'ftp://x' }, type: component, traits: [{ type: daemonscaler, properties: { instances: 1 } }]",
      /no such scheme/,
      ["spec", "components", 0, "properties", "image"],
    ],
    [
      "a configuration that is not there",
      "properties: { image: 'builtin:mqtt', config: [{ name: gone }] }, type: capability",
      /no configuration "gone" on this device/,
      ["spec", "components", 0, "properties", "config", 0, "name"],
    ],
    [
      "an application that is not there",
      "properties: { application: { name: other, component: kv } }, type: capability",
      /"other" is not deployed on this device/,
      ["spec", "components", 0, "properties", "application"],
    ],
    [
      "an id that is none",
      "properties: { image: 'builtin:mqtt', id: 'a.b' }, type: capability",
      /its id would be "a\.b"/,
      ["spec", "components", 0, "name"],
    ],
  ])("names %s", ([, component, message, path], { expect }) => {
    const { faults } = translate(parse(`    - { name: x, ${component} }`), device());
    expect(faults).toEqual([{ path, message: expect.stringMatching(message) as string }]);
  });

  test("finds every secret, of components and of links, or names it", ({ expect }) => {
    const text = (backend: string): string => `
    - name: api
      type: component
      properties: { image: x, secrets: [{ name: token, properties: { policy: vault, key: k } }] }
      traits:
        - { type: daemonscaler, properties: { instances: 1 } }
        - type: link
          properties:
            namespace: wasi
            package: keyvalue
            interfaces: [store]
            target: { name: kv, secrets: [{ name: password, properties: { policy: vault, key: p } }] }
    - { name: kv, type: capability, properties: { image: petiole://keyvalue-sqlite } }
  policies: [{ name: vault, type: policy.secret.wasmcloud.dev/v1alpha1, properties: { backend: ${backend}, mount: m } }]`;
    const policy = '{"type":"properties.secret.wasmcloud.dev/v1alpha1","properties":{"mount":"m"}}';
    const reference = (secret: string) =>
      new SecretReference({ secret, backend: "nats-kv" }, { application: "thermo", policy });
    const { components, links, faults } = translate(parse(text("nats-kv")), device());
    expect(faults).toEqual([]);
    expect(components[0]?.secrets).toEqual({ token: reference("k") });
    expect(links[0]?.config).toEqual({ password: reference("p") });
    expect(translate(parse(text("other")), device()).faults.map(({ message }) => message)).toEqual([
      "no backend for token",
      "no backend for password",
    ]);
  });

  test("links components of a shared application, by the ids that they have there", ({ expect }) => {
    const shared = "{ experimental.wasmcloud.dev/shared: 'true' }";
    const kv = "    - { name: kv, type: capability, properties: { image: petiole://keyvalue-sqlite, id: own-kv } }";
    const app = `
    - name: api
      type: component
      properties: { image: x }
      traits:
        - { type: daemonscaler, properties: { instances: 1 } }
        - { type: link, properties: { namespace: wasi, package: keyvalue, interfaces: [store], target: { name: kv } } }
    - { name: kv, type: capability, properties: { application: { name: base, component: kv } } }`;
    const of = (base: Manifest) =>
      translate(parse(app), device({ application: (name) => (name === "base" ? base : undefined) }));
    const { links, providers, faults } = of(parse(kv, shared, "base"));
    expect([faults, providers]).toEqual([[], []]);
    expect(links).toEqual([expect.objectContaining({ source: "thermo-api", target: "own-kv", here: true })]);
    expect(of(parse(kv, "{}", "base")).faults).toMatchObject([
      { message: 'the application "base" does not share its components' },
    ]);
    expect(of(parse(kv.replace("name: kv", "name: other"), shared, "base")).faults).toMatchObject([
      { message: 'the application "base" has no component "kv"' },
    ]);
  });

  test("of several links for one import, the one named default counts", ({ expect }) => {
    const link = (name: string, target: string): string =>
      `        - { type: link, properties: { name: ${name}, namespace: wasi, package: keyvalue, interfaces: [store], target: { name: ${target} } } }`;
    const text = `
    - name: api
      type: component
      properties: { image: x }
      traits:
        - { type: daemonscaler, properties: { instances: 1 } }
${link("another", "a")}
${link("default", "b")}
    - { name: a, type: capability, properties: { image: petiole://keyvalue-sqlite } }
    - { name: b, type: capability, properties: { image: petiole://keyvalue-sqlite } }`;
    expect(translate(parse(text), device()).links).toEqual([expect.objectContaining({ target: "thermo-b" })]);
  });
});

test("deviceChanges() tells what is new, other and gone", ({ expect }) => {
  const before = translate(parse(WHOLE), device());
  const other = WHOLE.replace("instances: 4", "instances: 8")
    .replace("readings", "values")
    .replace("name: broker", "name: mqtt");
  const after = translate(parse(other), device());
  expect(deviceChanges(before, before)).toEqual([]);
  expect(deviceChanges(before, after).map(({ action, kind, id }) => `${action} ${kind} ${id}`)).toEqual([
    "remove provider thermo-broker",
    "remove link thermo-broker → thermo-api",
    "add provider thermo-mqtt",
    "change component thermo-api",
    "change link thermo-api → thermo-store",
    "add link thermo-mqtt → thermo-api",
  ]);
});
