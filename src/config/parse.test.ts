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

  test("takes an image in the place of a file, and spells it out", ({ expect }) => {
    const text = "device: { id: d }\ncomponents: { a: { image: 'team/smoother' } }";
    expect(parseConfig(text, "/p.yaml").components["a"]).toMatchObject({
      image: "docker.io/team/smoother:latest",
      image_pull: "missing",
    });
  });

  test.for([
    ["file: a.wasm, image: r.example/a", /:2:\d+: components\.a\.image: there is a file already/],
    ["image: 'https://r.example/a'", /components\.a\.image: found "https:.*, want registry/],
    ["image: r.example/a, image_pull: often", /components\.a\.image_pull: /],
  ] as const)("refuses a component with { %s }", ([entry, fault], { expect }) => {
    expect(faultsOf(`device: { id: d }\ncomponents: { a: { ${entry} } }`)).toEqual([expect.stringMatching(fault)]);
  });

  test.for([
    ["user: me", /want both user and password_file/],
    ["user: me, password_file: p, token_file: t", /want either a user or a token_file/],
    ["insecure: true, ca_file: c", /plain http/],
  ] as const)("refuses a registry with { %s }", ([entry, fault], { expect }) => {
    const text = `device: { id: d }\nartifacts: { registries: { "r.example:5000": { ${entry} } } }`;
    expect(faultsOf(text)).toEqual([expect.stringMatching(fault)]);
  });

  test("returns a frozen value", ({ expect }) => {
    const config = parseConfig("device: { id: d }", "/p.yaml");
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.outbox)).toBe(true);
  });

  test("wants a hub for a lattice, and fills in its defaults", ({ expect }) => {
    expect(faultsOf("device: { id: a }\nlattice: { name: a.b }")).toEqual([
      "/etc/petiole/petiole.yaml:2:1: lattice: a lattice is reached through the hub, and there is no hub",
      "/etc/petiole/petiole.yaml:2:12: lattice.name: want letters, digits, - and _, at most 64",
    ]);
    const hub = "hub: { mode: direct, urls: [nats://h:4222] }";
    const { lattice } = parseConfig(`device: { id: a }\n${hub}\nlattice: { components_folder: c }`, "/etc/p/p.yaml");
    expect(lattice).toMatchObject({ name: "default", labels: {}, heartbeat: 30_000, components_folder: "/etc/p/c" });
  });

  test("wants a lattice for a provider that is an executable", ({ expect }) => {
    const provider = "providers: { kv: { type: executable, config: { file: /kv } } }";
    expect(faultsOf(`device: { id: a }\n${provider}`)).toEqual([
      expect.stringMatching(/^\/etc\/petiole\/petiole\.yaml:2:14: providers\.kv: a provider that is an executable/),
    ]);
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
      expect.stringMatching(/:5:3: components\.a: want a file or an image$/),
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

  test("refuses a link between two providers, one between components with a configuration, and a second link of one import", ({
    expect,
  }) => {
    const text = [
      "device: { id: d }",
      "components: { a: { file: a.wasm }, b: { file: b.wasm } }",
      "providers: { p: { type: mqtt }, q: { type: mqtt } }",
      "links:",
      "  - { from: p, to: q, interfaces: [x:y/z] }",
      "  - { from: a, to: b, interfaces: [x:y/z], config: {} }",
      "  - { from: a, to: p, interfaces: [x:y/z] }",
    ].join("\n");
    expect(faultsOf(text)).toEqual([
      expect.stringMatching(/:5:5: links\[0\]: "p" and "q" are both providers/),
      expect.stringMatching(/:6:\d+: links\[1\]\.config: "a" and "b" are both components/),
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
    ["leaf: { listen: 0.0.0.0:4222 }", /leaf\.listen: want a loopback address, or users in leaf\.local\.users/],
    ["leaf: { reconnect: 100ms }", /leaf\.reconnect: want at least 1s/],
    ["hub: { mode: direct, urls: [nats-leaf://h:1] }", /hub\.urls/],
    ["hub: { domain: h, urls: [tls://h:1, wss://h:2] }", /hub\.urls: websockets and other URLs cannot be mixed/],
    ["hub: { mode: direct, urls: [wss://h:1], tls: { ca_file: ca } }", /hub\.tls: a websocket in direct mode/],
    ["hub: { domain: h, urls: [tls://h:1], tls: { cert_file: c } }", /hub\.tls: .* both cert_file and key_file/],
    ["hub: { domain: h, urls: [wss://h:1], tls: { handshake_first: true } }", /hub\.tls: a websocket starts with TLS/],
    ["hub: { domain: h, urls: [tls://h:1], credentials_file: a, nkey_file: b }", /hub\.nkey_file: .* one of the two/],
  ] as const)("refuses %s", ([text, reason], { expect }) => {
    expect(faultsOf(`device: { id: d }\n${text}\n`).join("\n")).toMatch(reason);
  });

  test.for([
    ["users: [{ name: plc }]", /leaf\.local\.users\[0\]: want either nkey, or name and password_file/],
    ["users: [{ nkey: SUSEED }]", /leaf\.local\.users\[0\]\.nkey: want the public key of a user/],
    ["grants: { publish: ['>'] }", /grants\.publish\[0\]: want a subject whose first token is written out/],
    ["grants: { publish: [$JS.hub.API.>] }", /grants\.publish\[0\]: .* does not start with \$/],
    ["grants: { publish: [petiole.other.>] }", /grants\.publish\[0\]: .* the outbox alone sends there/],
    ["grants: { publish: [a.>], subscribe: [a.b] }", /grants\.subscribe\[0\]: "a\.b" and publish\[0\] "a\.>"/],
    ["outbox: [{ subject: a.>, lane: fast }]", /outbox\[0\]\.lane/],
    ["outbox: [{ subject: _INBOX.>, lane: standard }]", /outbox\[0\]\.subject: want a subject whose first token/],
    [
      "outbox: [{ subject: a.>, lane: standard }, { subject: a.b, lane: critical }]",
      /outbox\[1\]\.subject: "a\.b" and outbox\[0\] "a\.>" have subjects in common/,
    ],
  ] as const)("refuses leaf.local with %s", ([text, reason], { expect }) => {
    const head = "device: { id: d }\nhub: { urls: [tls://h:1], domain: h }\n";
    expect(faultsOf(`${head}leaf: { local: { ${text} } }\n`).join("\n")).toMatch(reason);
  });

  test("takes leaf.local only where there is a local server", ({ expect }) => {
    const local = "device: { id: d }\nleaf: { local: { outbox: [{ subject: a.>, lane: standard, ttl: 1h }] } }\n";
    expect(faultsOf(`${local}hub: { urls: [tls://h:1], domain: h }\n`)).toEqual([]);
    const direct = faultsOf(`${local}hub: { urls: [tls://h:1], mode: direct }\n`);
    expect(direct).toEqual([expect.stringMatching(/leaf\.local: there is no local nats-server in direct mode/)]);
    expect(faultsOf(local)).toEqual([
      expect.stringMatching(/leaf\.local: there is no local nats-server without a hub/),
    ]);
  });

  test("refuses a name that is a component and a provider", ({ expect }) => {
    const text = "device: { id: d }\ncomponents: { a: { file: a.wasm } }\nproviders: { a: { type: mqtt } }";
    expect(faultsOf(text)).toEqual([expect.stringMatching(/:3:14: providers\.a: "a" is also the name of a component/)]);
  });
});
