import { describe, test } from "vitest";
import { PetioleError } from "../domain/errors.ts";
import { SecretReference } from "../domain/secret.ts";
import { seconds } from "../domain/units.ts";
import type { DesiredState } from "../domain/workload.ts";
import { createRedactor, redactingLogger } from "../lib/redactor.ts";
import type { Provider, ProviderFactory } from "../provider/contract.ts";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { providerDeps, recordingLogger } from "../../test/support/provider-rig.ts";
import { componentSpec } from "../../test/support/workloads.ts";
import { NO_BREACHES, type RunningStats, type Runtime } from "../runtime/contract.ts";
import { createHost } from "./host.ts";
import type { SecretBackend } from "./ports.ts";
import { createSecrets } from "./secrets.ts";

const IDLE: RunningStats = {
  calls: 0,
  failures: 0,
  restarts: 0,
  pending: 0,
  instances: 1,
  memory: 0,
  reserved: 0,
  cpuTime: 0,
  recycled: 0,
  breaches: NO_BREACHES,
  degraded: false,
};
const shape = { name: "a:b/get@1.0.0", functions: [], resources: [] };
const runtime: Runtime = {
  builtin: new Set(),
  prepare: async () => ({
    digest: "sha256:00",
    imports: [shape.name],
    exports: [],
    shapes: { imports: [shape], exports: [] },
    size: 1,
  }),
  start: async () => ({
    call: async () => undefined,
    http: () => Promise.reject(new Error("no HTTP here")),
    configure: () => {},
    stats: () => IDLE,
    [Symbol.asyncDispose]: async () => {},
  }),
  [Symbol.asyncDispose]: async () => {},
};

/** A host whose provider writes down what it is started and linked with. */
function world(values: Map<string, string | Uint8Array>) {
  const events: string[] = [];
  const clock = createFakeClock();
  const redactor = createRedactor();
  const records = recordingLogger();
  const log = redactingLogger(records, redactor);
  const backend: SecretBackend = {
    refresh: seconds(1),
    settles: false,
    read: async ({ reference, asker }) => {
      const found = values.get(reference.secret);
      if (found === undefined)
        throw new PetioleError("ERR_SECRET_NOT_FOUND", `"${asker}" finds no ${reference.toString()}`);
      return found;
    },
  };
  const secrets = createSecrets({ backends: new Map([["box", backend]]), fallback: "box", redactor, clock, log });
  const factory: ProviderFactory = ({ id }): Provider => ({
    id,
    serves: ["a:b/get"],
    calls: [],
    parseConfig: (raw) => raw,
    parseLinkConfig: (raw) => raw,
    start: async (config) => {
      events.push(`start ${id} ${JSON.stringify(config)}`);
      const { fails } = config as { fails?: string };
      if (fails !== undefined) throw new PetioleError("ERR_PROVIDER_START", `Cannot log in with "${fails}"`);
    },
    bind: async ({ config }) => {
      events.push(`bind ${id} ${JSON.stringify(config)}`);
      return { functions: {}, [Symbol.asyncDispose]: async () => {} };
    },
    [Symbol.asyncDispose]: async () => void events.push(`end ${id}`),
  });
  const { services } = providerDeps();
  const host = createHost({ runtime, registry: { fake: async () => factory }, services, secrets, clock, log });
  return {
    host,
    clock,
    events,
    log: records,
    take: () => events.splice(0),
    async [Symbol.asyncDispose]() {
      await host[Symbol.asyncDispose]();
      await secrets[Symbol.asyncDispose]();
    },
  };
}

const secret = (name: string) => new SecretReference({ secret: name });
const state = (providers: Record<string, unknown>, links: Record<string, unknown> = {}): DesiredState => ({
  components: Object.keys(links).map((to) => componentSpec(`of-${to}`)),
  providers: Object.entries(providers).map(([id, config]) => ({ id, type: "fake", config })),
  links: Object.entries(links).map(([target, config]) => {
    return { name: "default", source: `of-${target}`, target, interfaces: ["a:b/get"], config };
  }),
});

describe("a host with secrets", () => {
  test("gives providers and links the values, and starts anew what uses one that has another", async ({ expect }) => {
    const values = new Map([
      ["a", "value-a"],
      ["b", "value-b"],
    ]);
    await using on = world(values);
    await on.host.apply(state({ p: { password: secret("a") }, q: { plain: 1 } }, { q: { key: secret("b") } }));
    expect(on.take().sort()).toEqual([
      'bind q {"key":"value-b"}',
      'start p {"password":"value-a"}',
      'start q {"plain":1}',
    ]);
    values.set("b", "value-c");
    await on.clock.advance(seconds(1));
    expect(on.take()).toEqual(['bind q {"key":"value-c"}']);
    values.set("a", "value-d");
    await on.clock.advance(seconds(1));
    expect(on.take()).toEqual(["end p", 'start p {"password":"value-d"}']);
    await on.clock.advance(seconds(5));
    expect(on.take()).toEqual([]);
  });

  test("tries what lacked a secret as soon as it is there", async ({ expect }) => {
    const values = new Map<string, string>();
    await using on = world(values);
    await on.host.apply(state({ p: { password: secret("a") } }));
    expect(on.host.status().providers[0]).toMatchObject({
      state: "failed",
      lastError: { code: "ERR_SECRET_NOT_FOUND", message: '"p" finds no secret "a"' },
    });
    values.set("a", "value-a");
    await on.clock.advance(seconds(1));
    expect(on.take()).toEqual(["end p", 'start p {"password":"value-a"}']);
  });

  test("shows no value that a failure tells", async ({ expect }) => {
    await using on = world(new Map([["a", "marker-value"]]));
    await on.host.apply(state({ p: { fails: secret("a") } }));
    expect(on.host.status().providers[0]?.lastError?.message).toBe('Cannot log in with "***"');
    expect(JSON.stringify(on.log.records)).toContain('Cannot log in with \\"***\\"');
    expect(JSON.stringify(on.log.records)).not.toContain("marker-value");
  });

  test("shows the names of things as they are, also when a secret is one of them", async ({ expect }) => {
    await using on = world(new Map([["a", "mosquitto"]]));
    await on.host.apply(state({ mosquitto: { fails: secret("a") } }, { mosquitto: {} }));
    const { components, providers, links } = on.host.status();
    expect(providers).toMatchObject([{ id: "mosquitto", lastError: { message: 'Cannot log in with "***"' } }]);
    expect(components).toMatchObject([{ id: "of-mosquitto" }]);
    expect(links).toMatchObject([{ source: "of-mosquitto", target: "mosquitto" }]);
  });

  test("takes bytes for no text", async ({ expect }) => {
    await using on = world(new Map([["a", Uint8Array.of(0xff)]]));
    await on.host.apply(state({ p: { password: secret("a") } }));
    expect(on.host.status().providers[0]?.lastError?.code).toBe("ERR_SECRET_INVALID");
  });
});
