// Pins `petiole:outbox` from a component's code to rows on disk, and every error back into the component.

import { createOutboxProvider } from "../../../providers/outbox/index.ts";
import { test } from "vitest";
import { PetioleError, type ErrorCode } from "../../../src/domain/errors.ts";
import { mebibytes } from "../../../src/domain/units.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import type { Outbox } from "../../../src/provider/services.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import { fixtureComponent } from "../../support/agent.ts";
import { tempFolder } from "../../support/processes.ts";
import { startProvider } from "../../support/provider-rig.ts";
import { createStoreFolder } from "../../support/store.ts";
import { GENEROUS_LIMITS, ORDINARY_INSTANCE } from "../../support/workloads.ts";

type Publish = (subject: string, headers: string[], body: string, ttl?: bigint) => Promise<unknown>;

/** A component, linked to the provider as the host links it. */
async function startComponent(stack: AsyncDisposableStack, outbox: Outbox): Promise<Publish> {
  const folder = stack.use(await tempFolder());
  const runtime = stack.use(createRuntime({ cacheDir: folder.path, clock: systemClock, log: silentLogger }));
  const rig = stack.use(await startProvider(createOutboxProvider, {}, { services: { outbox } }));
  const lanes = [
    { subject: "alarms.>", lane: "critical" },
    { subject: "readings.>", lane: "standard" },
  ];
  const link = stack.use(await rig.bind({ component: "smoother", config: { lanes, max_body: "1KiB" } }));
  const component = stack.use(
    await runtime.start(await runtime.prepare(fixtureComponent("outbox"), AbortSignal.timeout(60_000)), {
      id: "smoother",
      env: {},
      config: {},
      ...ORDINARY_INSTANCE,
      limits: GENEROUS_LIMITS,
      onEvent: () => {},
      onImport: async (interfaceName, functionName, args) => await link.call(interfaceName, functionName, ...args),
      log: silentLogger,
    }),
  );
  return async (subject, headers, body, ttl) =>
    await component.call("petiole:fixture-outbox/probe", "publish", [subject, headers, Buffer.from(body), ttl]);
}

test("what a component publishes is on disk, and its receipt names the row", async ({ expect }) => {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await createStoreFolder());
  const store = stack.use(await folder.open());
  const publish = await startComponent(stack, store.outbox);
  const first = await publish("alarms.boiler", ["Unit: °C", "X-Site: north"], "hot");
  const second = await publish("readings.boiler", [], "21", 60_000n);
  await store.flush();
  const window = { rows: 10, bytes: mebibytes(1) };
  const [alarm] = await store.outbox.read("critical", 0, window);
  const [reading] = await store.outbox.read("standard", 0, window);
  expect(alarm).toMatchObject({ subject: "alarms.boiler", headers: { Unit: "°C", "X-Site": "north" } });
  expect(Buffer.from(alarm?.body ?? []).toString()).toBe("hot");
  expect(first).toBe(`durable ${alarm?.seq}`);
  expect(second).toBe(`buffered ${reading?.seq}`);
});

test("a component gets each error as the value of its interface", async ({ expect }) => {
  await using stack = new AsyncDisposableStack();
  let code: ErrorCode = "ERR_OUTBOX_SHED";
  const publish = await startComponent(stack, {
    publish: async () => await Promise.reject(new PetioleError(code, "the test says so")),
    stats: async () => await Promise.reject(new Error("not used")),
    ledger: async () => [],
  });
  expect(await publish("a..b", [], "x")).toBe("invalid-subject");
  expect(await publish("chat", [], "x")).toBe("not-granted");
  expect(await publish("alarms.a", ["Petiole-Seq: 1"], "x")).toBe("invalid-header");
  expect(await publish("alarms.a", [], "x".repeat(2000))).toBe("too-large");
  const seen: unknown[] = [];
  for (code of ["ERR_OUTBOX_SHED", "ERR_OUTBOX_FULL", "ERR_OUTBOX_QUOTA", "ERR_STORE_FAILED"] as const) {
    seen.push(await publish("alarms.a", [], "x"));
  }
  expect(seen).toEqual(["shed", "full", "quota-exceeded", "unavailable"]);
});
