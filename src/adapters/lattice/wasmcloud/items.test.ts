import { describe, test } from "vitest";
import type { DesiredState } from "../../../domain/workload.ts";
import { latticeItems, linksOf, type ItemsInput } from "./items.ts";
import { structuredConfig } from "../../../lib/structured-config.ts";
import { SecretReference } from "../../../domain/secret.ts";
import type { SecretRule } from "../../../lib/named-secret.ts";
import { configProblem, mergeConfig } from "./named-config.ts";
import { NOTHING_WANTED } from "./wanted.ts";
import type { Link } from "./wire.ts";

const NOTHING: DesiredState = { components: [], providers: [], links: [] };
const CONFIGS: Readonly<Record<string, string>> = {
  one: '{"a":"1","b":"1"}',
  two: '{"b":"2"}',
  broken: "{",
  lookalike: '{"password":"{\\"secret\\":\\"key\\"}"}',
  SECRET_token: '{"name":"token","backend":"vault","key":"api/token","field":"f","policy":"{}","version":null}',
  SECRET_other: '{"name":"other","backend":"elsewhere","key":"k"}',
  SECRET_odd: '{"a":"1"}',
};
const config = (name: string): string | undefined => CONFIGS[name];
/** Of the backends that somebody may name, one is there. */
const secret: SecretRule = ({ name, backend, key, field, version, policy, application }) =>
  backend === "vault"
    ? { reference: new SecretReference({ secret: key, backend, field, version }, { application, policy }) }
    : { problem: `Secret ${name} cannot be used: no "${backend}"` };
const lookup = { config, secret };

const link = (more: Partial<Link>): Link => ({
  source_id: "c",
  target: "p",
  name: "default",
  wit_namespace: "wasi",
  wit_package: "keyvalue",
  interfaces: ["store"],
  source_config: [],
  target_config: [],
  ...more,
});

const input = (more: Partial<ItemsInput>): ItemsInput => ({
  wanted: {
    ...NOTHING_WANTED,
    components: [{ id: "c", reference: "file://c.wasm", count: 3, annotations: {}, config: ["one", "two"] }],
    providers: [{ id: "p", reference: "petiole://kv", annotations: {}, config: [] }],
  },
  links: [],
  lookup,
  providerOrigin: (reference) => (reference === "petiole://kv" ? { kind: "own", type: "kv" } : undefined),
  below: NOTHING,
  ...more,
});

describe("latticeItems()", () => {
  test("merges the configurations that a component names, the last one first", ({ expect }) => {
    expect(latticeItems(input({})).components).toEqual([
      { id: "c", reference: "file://c.wasm", count: 3, config: { a: "1", b: "2" } },
    ]);
  });

  test("gives secrets to components beside their configuration, to providers and links as a part of it", ({
    expect,
  }) => {
    const named = ["one", "SECRET_token"];
    const token = (application?: string) =>
      new SecretReference({ secret: "api/token", backend: "vault", field: "f" }, { application, policy: "{}" });
    const annotations = { "wasmcloud.dev/appspec": "thermo" };
    const wanted = {
      ...NOTHING_WANTED,
      components: [{ id: "c", reference: "file://c.wasm", count: 1, annotations, config: named }],
      providers: [
        { id: "p", reference: "petiole://kv", annotations: {}, config: named },
        { id: "x", reference: "file://x", annotations: {}, config: named },
      ],
    };
    const executable = { kind: "executable", type: "executable", config: { file: "/x" } } as const;
    const { components, providers, links } = latticeItems(
      input({
        wanted,
        links: [link({ source_config: ["SECRET_token"], target_config: named })],
        providerOrigin: (reference) => (reference === "petiole://kv" ? { kind: "own", type: "kv" } : executable),
      }),
    );
    expect(components[0]).toMatchObject({ config: { a: "1", b: "1" }, secrets: { token: token("thermo") } });
    expect(providers.map(({ config: found }) => found)).toEqual([
      { a: 1, b: 1, token: token() },
      { file: "/x", secrets: { token: token() } },
    ]);
    expect(links[0]?.config).toEqual({ a: 1, b: 1, token: token() });
  });

  test("takes nothing in a configuration for a secret", ({ expect }) => {
    const { links } = latticeItems(input({ links: [link({ target_config: ["lookalike"] })] }));
    expect(links[0]?.config).toStrictEqual({ password: { secret: "key" } });
  });

  test("gives a link its direction and the configuration of the provider's side", ({ expect }) => {
    const both = { source_config: ["one"], target_config: ["two"] };
    const { links } = latticeItems(
      input({ links: [link(both), link({ ...both, source_id: "p", target: "c", interfaces: ["watcher"] })] }),
    );
    expect(links).toEqual([
      { name: "default", source: "c", target: "p", interfaces: ["wasi:keyvalue/store"], config: { b: 2 } },
      { name: "default", source: "p", target: "c", interfaces: ["wasi:keyvalue/watcher"], config: { a: 1, b: 1 } },
    ]);
  });

  test("takes links of a component to others and to other hosts, and of a provider to and from there", ({ expect }) => {
    const links = [
      link({ target: "far" }),
      link({ target: "c", interfaces: ["atomics"] }),
      link({ source_id: "far", target_config: ["two"] }),
      link({ source_id: "p", target: "far", source_config: ["one"] }),
    ];
    expect(latticeItems(input({ links })).links.map(({ source, target, config }) => [source, target, config])).toEqual([
      ["c", "c", {}],
      ["c", "far", {}],
      ["far", "p", { b: 2 }],
      ["p", "far", { a: 1, b: 1 }],
    ]);
  });

  test("leaves out links that ask nothing of this device, and of interfaces that are none", ({ expect }) => {
    const links = [
      link({ source_id: "far", target: "c" }),
      link({ source_id: "far", target: "farther" }),
      link({ source_id: "p", target: "p" }),
      link({ interfaces: ["Store!", "store@0.2.0"] }),
      link({ interfaces: [] }),
    ];
    expect(latticeItems(input({ links })).links).toEqual([]);
  });

  test("gives an import one link: the default one, else the first by name", ({ expect }) => {
    const links = [
      link({ name: "z" }),
      link({ name: "b", interfaces: ["atomics"] }),
      link({}),
      link({ name: "a", interfaces: ["atomics", "store"] }),
    ];
    expect(latticeItems(input({ links })).links.map(({ name, interfaces }) => [name, interfaces])).toEqual([
      ["default", ["wasi:keyvalue/store"]],
      ["a", ["wasi:keyvalue/atomics"]],
    ]);
  });

  test("links what the device's own configuration runs, and takes nothing of it over", ({ expect }) => {
    const below: DesiredState = { ...NOTHING, providers: [{ id: "p", type: "own", config: {} }] };
    const items = latticeItems(input({ below, links: [link({})] }));
    expect(items.providers).toEqual([]);
    expect(items.links).toHaveLength(1);
  });

  test("leaves out a provider of a type that is not known any more", ({ expect }) => {
    expect(latticeItems(input({ providerOrigin: () => undefined })).providers).toEqual([]);
  });

  test("leaves the configuration of an executable to be told to its process", ({ expect }) => {
    const origin = { kind: "executable", type: "executable", config: { file: "/srv/store" } } as const;
    const [provider] = latticeItems(input({ providerOrigin: () => origin })).providers;
    expect(provider).toEqual({ id: "p", type: "executable", config: { file: "/srv/store" } });
  });
});

test("linksOf() reads the entries that are links and leaves the rest", ({ expect }) => {
  const entries = [
    ["COMPONENT_a", JSON.stringify({ url: "x", links: [link({})] })],
    ["COMPONENT_b", JSON.stringify({ url: "x" })],
    ["COMPONENT_c", "nonsense"],
    ["LINKDEF_d", JSON.stringify({ links: [link({})] })],
  ] as const;
  expect(linksOf(entries)).toEqual([link({})]);
});

describe("configurations", () => {
  test("that are gone or broken count as empty, and secrets are left out", ({ expect }) => {
    expect(mergeConfig(["one", "gone", "broken", "SECRET_token"], config)).toEqual({ a: "1", b: "1" });
  });

  test("say why they cannot be used", ({ expect }) => {
    expect(configProblem(["one"], lookup)).toBeUndefined();
    expect(configProblem(["one", "gone"], lookup)).toBe("Config gone does not exist");
    expect(configProblem(["SECRET_x"], lookup)).toBe("Config SECRET_x does not exist");
    expect(configProblem(["one", "SECRET_token"], lookup)).toBeUndefined();
    expect(configProblem(["SECRET_odd"], lookup)).toMatch(/SECRET_odd cannot be used: it is no reference/);
    expect(configProblem(["SECRET_other"], lookup)).toBe('Secret other cannot be used: no "elsewhere"');
  });

  test("structuredConfig() takes JSON for what it is and anything else as text", ({ expect }) => {
    const config = {
      list: '[{"subject":"a.>"}]',
      number: "5",
      flag: "true",
      quoted: '"5"',
      size: "64KiB",
      subject: "a.>",
      odd: "[a",
      word: "trueish",
    };
    expect(structuredConfig(config)).toEqual({
      list: [{ subject: "a.>" }],
      number: 5,
      flag: true,
      quoted: "5",
      size: "64KiB",
      subject: "a.>",
      odd: "[a",
      word: "trueish",
    });
  });
});
