import { describe, test } from "vitest";
import { isPetioleError } from "../domain/errors.ts";
import { parseConfig } from "./parse.ts";

function faultsOf(text: string): string[] {
  try {
    parseConfig(text, "/etc/petiole/petiole.yaml");
  } catch (error) {
    if (!isPetioleError(error, "ERR_CONFIG_INVALID")) throw error;
    return error.message.split("\n").slice(1);
  }
  return [];
}

describe("parseConfig()", () => {
  test("fills in defaults and resolves relative paths from the file's folder", ({ expect }) => {
    const config = parseConfig(
      "device: { id: gw-1 }\ncomponents: { a: { file: a.wasm } }",
      "/etc/petiole/petiole.yaml",
    );
    expect(config.components["a"]).toMatchObject({
      file: "/etc/petiole/a.wasm",
      deadline: 5000,
      memory: 32 * 1024 ** 2,
    });
    expect(config.hub).toBeUndefined();
    expect(config.leaf.listen).toBe("127.0.0.1:4222");
  });

  test("takes numbers and booleans in a component's config as text", ({ expect }) => {
    const text = "device: { id: d }\ncomponents: { a: { file: a.wasm, config: { limit: 70, on: true } } }";
    expect(parseConfig(text, "/p.yaml").components["a"]?.config).toEqual({ limit: "70", on: "true" });
  });

  test("returns a frozen value", ({ expect }) => {
    const config = parseConfig("device: { id: d }", "/p.yaml");
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.outbox)).toBe(true);
  });

  test("reports every fault at once, in the order of the file, with line and column", ({ expect }) => {
    const text = [
      "device:",
      '  id: "gw 1"',
      "colour: red",
      "components:",
      "  a:",
      "    memory: 5 apples",
      "    deadlin: 3s",
      "links:",
      "  - from: a",
      "    to: nothing",
      "    interfaces: [wasi:keyvalue]",
    ].join("\n");
    expect(faultsOf(text)).toEqual([
      expect.stringMatching(/^\/etc\/petiole\/petiole\.yaml:2:3: device\.id: want letters/),
      expect.stringMatching(/:3:1: colour: this key is not known here$/),
      expect.stringMatching(/:5:3: components\.a\.file: /),
      expect.stringMatching(/:6:5: components\.a\.memory: found "5 apples", want a size/),
      expect.stringMatching(/:7:5: components\.a\.deadlin: this key is not known here$/),
      expect.stringMatching(/:10:5: links\[0\]\.to: no component or provider is named "nothing"$/),
      expect.stringMatching(/:11:18: links\[0\]\.interfaces\[0\]: found "wasi:keyvalue", want a WIT interface/),
    ]);
  });

  test("reports broken YAML with its position", ({ expect }) => {
    expect(faultsOf("device: { id: a }\nlinks: [")[0]).toMatch(/petiole\.yaml:2:\d+: \S/);
    expect(faultsOf("device: { id: a }\ndevice: { id: b }")[0]).toMatch(/:2:1: Map keys must be unique/);
  });

  test.for([
    ["an empty file", "", /device/],
    ["a list", "- 1", /expected object/i],
    ["an alias bomb", `a: &a [x]\nb: &b [${"*a,".repeat(60)}]\nc: [${"*b,".repeat(60)}]`, /alias/i],
    ["binary garbage", "\u0000\u0001\u0002: \u0007", /petiole\.yaml/],
  ] as const)("refuses %s", ([, text, reason], { expect }) => {
    expect(faultsOf(text).join("\n")).toMatch(reason);
  });

  test("refuses a link between two providers, two components, and a second link of one import", ({ expect }) => {
    const text = [
      "device: { id: d }",
      "components: { a: { file: a.wasm }, b: { file: b.wasm } }",
      "providers: { p: { type: mqtt }, q: { type: mqtt } }",
      "links:",
      "  - { from: p, to: q, interfaces: [x:y/z] }",
      "  - { from: a, to: b, interfaces: [x:y/z] }",
      "  - { from: a, to: p, interfaces: [x:y/z] }",
    ].join("\n");
    expect(faultsOf(text)).toEqual([
      expect.stringMatching(/:5:5: links\[0\]: "p" and "q" are both providers/),
      expect.stringMatching(/:6:5: links\[1\]: "a" and "b" are both components/),
      expect.stringMatching(/:7:5: links\[2\]: links\[1\] already links x:y\/z of "a"/),
    ]);
  });

  test("wants the hub's domain in leaf mode only", ({ expect }) => {
    const text = "device: { id: d }\nhub:\n  urls: [tls://h:7422]\n";
    expect(faultsOf(text)).toEqual([expect.stringMatching(/:2:1: hub\.domain: leaf mode needs the JetStream domain/)]);
    expect(faultsOf(`${text}  mode: direct\n`)).toEqual([]);
  });

  test("refuses two deliveries that differ in nothing, and takes them with names", ({ expect }) => {
    const head = "device: { id: d }\ncomponents: { a: { file: a.wasm } }\nproviders: { p: { type: mqtt } }\nlinks:\n";
    const link = "  - { from: p, to: a, interfaces: [x:y/z] }\n";
    expect(faultsOf(head + link + link)).toEqual([
      expect.stringMatching(/:6:5: links\[1\]: links\[0\] already links "p" to "a"/),
    ]);
    expect(faultsOf(`${head}${link}  - { from: p, to: a, interfaces: [x:y/z], name: other }\n`)).toEqual([]);
  });

  test("refuses a second link of one import under another name: a component cannot choose", ({ expect }) => {
    const head = "device: { id: d }\ncomponents: { a: { file: a.wasm } }\nproviders: { p: { type: mqtt } }\nlinks:\n";
    const links =
      "  - { from: a, to: p, interfaces: [x:y/z] }\n  - { from: a, to: p, interfaces: [x:y/z], name: other }\n";
    expect(faultsOf(head + links)).toEqual([
      expect.stringMatching(/links\[1\]: links\[0\] already links x:y\/z of "a"/),
    ]);
  });

  test.for([
    ["leaf: { listen: 127.0.0.1:0 }", /leaf\.listen/],
    ["leaf: { listen: 127.0.0.1:99999 }", /leaf\.listen/],
    ["leaf: { monitor: 0.0.0.0:8222 }", /leaf\.monitor: want a loopback address/],
    ["hub: { mode: direct, urls: [wss://h:1] }", /hub\.urls/],
    ["hub: { mode: direct, urls: [nats-leaf://h:1] }", /hub\.urls/],
  ] as const)("refuses %s", ([text, reason], { expect }) => {
    expect(faultsOf(`device: { id: d }\n${text}\n`).join("\n")).toMatch(reason);
  });

  test("refuses a name that is a component and a provider", ({ expect }) => {
    const text = "device: { id: d }\ncomponents: { a: { file: a.wasm } }\nproviders: { a: { type: mqtt } }";
    expect(faultsOf(text)).toEqual([expect.stringMatching(/:3:14: providers\.a: "a" is also the name of a component/)]);
  });
});
