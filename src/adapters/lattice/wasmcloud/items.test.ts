import { describe, test } from "vitest";
import type { DesiredState } from "../../../domain/workload.ts";
import { latticeItems, linksOf, type ItemsInput } from "./items.ts";
import { structuredConfig } from "../../../lib/structured-config.ts";
import { configProblem, mergeConfig } from "./named-config.ts";
import { NOTHING_WANTED } from "./wanted.ts";
import type { Link } from "./wire.ts";

const NOTHING: DesiredState = { components: [], providers: [], links: [] };
const CONFIGS: Readonly<Record<string, string>> = {
  one: '{"a":"1","b":"1"}',
  two: '{"b":"2"}',
  broken: "{",
};
const lookup = (name: string): string | undefined => CONFIGS[name];

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
  config: lookup,
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
    expect(mergeConfig(["one", "gone", "broken", "SECRET_x"], lookup)).toEqual({ a: "1", b: "1" });
  });

  test("say why they cannot be used", ({ expect }) => {
    expect(configProblem(["one"], lookup)).toBeUndefined();
    expect(configProblem(["one", "gone"], lookup)).toBe("Config gone does not exist");
    expect(configProblem(["SECRET_x"], lookup)).toBe("Secrets are not supported: SECRET_x");
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
