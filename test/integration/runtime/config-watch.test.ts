// Pins: a component reads secrets by the names it was given, and one that exports petiole:config/watch is told of other values of
// its configuration and its secrets, without being started anew.

import { afterAll, describe, test } from "vitest";
import { PetioleError } from "../../../src/domain/errors.ts";
import { SecretReference, type SecretValue } from "../../../src/domain/secret.ts";
import { millis } from "../../../src/domain/units.ts";
import type { ComponentSpec, DesiredState } from "../../../src/domain/workload.ts";
import { createHost } from "../../../src/host/host.ts";
import type { SecretBackend } from "../../../src/host/ports.ts";
import { createSecrets } from "../../../src/host/secrets.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { createRedactor, redactingLogger } from "../../../src/lib/redactor.ts";
import type { LinkContext, Provider, ProviderDeps } from "../../../src/provider/contract.ts";
import type { HostServices } from "../../../src/provider/services.ts";
import { tempFolder } from "../../support/processes.ts";
import { recordingLogger } from "../../support/provider-rig.ts";
import { waitFor } from "../../support/wait-for.ts";
import { componentSpec } from "../../support/workloads.ts";
import { fixture, openRuntime } from "./support.ts";

const cache = await tempFolder();
afterAll(() => cache[Symbol.asyncDispose]());

const PROBE = "petiole:fixture-watcher/probe";

/** The fixture, called by a provider, over a backend that the test fills. */
function openWorld(values: Map<string, SecretValue | PetioleError>) {
  const { runtime, ...opened } = openRuntime(cache.path);
  let context: LinkContext<unknown> | undefined;
  const factory = ({ id }: ProviderDeps): Provider => ({
    id,
    serves: [],
    calls: [PROBE],
    parseConfig: (raw) => raw,
    parseLinkConfig: (raw) => raw,
    start: async () => {},
    bind: async (link) => {
      context = link;
      return { functions: {}, [Symbol.asyncDispose]: async () => {} };
    },
    [Symbol.asyncDispose]: async () => {},
  });
  const backend: SecretBackend = {
    refresh: millis(20),
    settles: false,
    read: async ({ reference }) => {
      const found = values.get(reference.secret);
      if (found instanceof PetioleError) throw found;
      if (found === undefined) throw new PetioleError("ERR_SECRET_NOT_FOUND", `There is no ${reference.toString()}`);
      return found;
    },
  };
  const redactor = createRedactor();
  const records = recordingLogger();
  const log = redactingLogger(records, redactor);
  const secrets = createSecrets({
    backends: new Map([["box", backend]]),
    fallback: "box",
    redactor,
    clock: systemClock,
    log,
  });
  const host = createHost({
    runtime,
    registry: { ends: async () => factory },
    // The provider asks nothing of the host.
    services: {} as HostServices,
    secrets,
    clock: systemClock,
    log,
  });
  return {
    host,
    records: records.records,
    apply: async (more: Partial<ComponentSpec>) => {
      const desired: DesiredState = {
        components: [componentSpec("watcher", { file: fixture("watcher"), ...more })],
        providers: [{ id: "ends", type: "ends", config: {} }],
        links: [{ name: "default", source: "ends", target: "watcher", interfaces: [PROBE], config: undefined }],
      };
      await host.apply(desired);
    },
    call: async (fn: string, ...args: readonly unknown[]): Promise<unknown> => await context?.call(PROBE, fn, args),
    async [Symbol.asyncDispose]() {
      await host[Symbol.asyncDispose]();
      await secrets[Symbol.asyncDispose]();
      await opened[Symbol.asyncDispose]();
    },
  };
}

const secret = (name: string) => new SecretReference({ secret: name });

describe("a component", () => {
  test("reads secrets by the names it was given, and learns no more than that there is none", async ({ expect }) => {
    const values = new Map<string, SecretValue | PetioleError>([
      ["api", "marker-token"],
      ["key", Uint8Array.of(0xff, 1)],
      ["cut", new PetioleError("ERR_SECRET_UNAVAILABLE", "Cannot reach vault.example")],
      ["not-given", "x"],
    ]);
    await using world = openWorld(values);
    await world.apply({
      secrets: { token: secret("api"), key: secret("key"), cut: secret("cut"), gone: secret("gone") },
    });
    expect(world.host.status().components[0]?.state).toBe("running");
    const found = [];
    for (const name of ["token", "key", "cut", "gone", "not-given", "api"])
      found.push(await world.call("secret", name));
    expect(found).toEqual([
      "string:marker-token",
      "bytes:ff01",
      "upstream ERR_SECRET_UNAVAILABLE",
      "not-found",
      "not-found",
      "not-found",
    ]);
    // A handle that is kept reveals the value of the moment.
    expect(await world.call("hold", "token")).toBe("held");
    values.set("api", "marker-other");
    await waitFor("the other value", async () => (await world.call("reveal-held")) === "string:marker-other");
    expect(JSON.stringify(world.records)).not.toContain("marker-");
  });

  test("hears of other values of its configuration and its secrets, and keeps its state", async ({ expect }) => {
    const values = new Map<string, SecretValue>([["api", "one-token"]]);
    await using world = openWorld(values);
    const secrets = { token: secret("api") };
    await world.apply({ config: { limit: "1", mode: "a" }, secrets });
    expect(await world.call("secret", "token")).toBe("string:one-token");
    await world.apply({ config: { limit: "2", extra: "x" }, secrets });
    await waitFor(
      "the changes of the configuration",
      async () => ((await world.call("told")) as unknown[]).length === 3,
    );
    values.set("api", "two-token");
    await waitFor("the change of the secret", async () => ((await world.call("told")) as unknown[]).length === 4);
    expect(await world.call("told")).toEqual([
      "config limit 2",
      "config mode none",
      "config extra x",
      "secret token string:two-token",
    ]);
    // Its limits cannot be told of: it is started anew, with what it was told last.
    const { limits } = componentSpec("x");
    await world.apply({ config: { limit: "2", extra: "x" }, secrets, limits: { ...limits, queue: 5 } });
    expect(await world.call("told")).toEqual([]);
    expect(await world.call("config", "limit")).toBe("2");
    expect(await world.call("secret", "token")).toBe("string:two-token");
  });

  test("that takes a change badly goes on, and the log says so", async ({ expect }) => {
    await using world = openWorld(new Map());
    await world.apply({ config: {} });
    await world.apply({ config: { refused: "1" } });
    await waitFor("the log", () =>
      world.records.some(({ message, fields }) => {
        return message === "Component did not take a change well" && String(fields["reason"]).includes("not this one");
      }),
    );
    expect(await world.call("told")).toEqual(["config refused 1"]);
    expect(world.host.status().components[0]).toMatchObject({ state: "running", restarts: 0 });
  });
});
