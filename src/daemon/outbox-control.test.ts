import { describe, test } from "vitest";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { tempFolder } from "../../test/support/processes.ts";
import { recordingLogger } from "../../test/support/provider-rig.ts";
import { createTransferStore, type TransferStore } from "../../test/support/transfer-store.ts";
import { PetioleError } from "../domain/errors.ts";
import { LANES, type LedgerEntry, type OutboxStats } from "../domain/outbox.ts";
import type { DrainReport, ForwarderState } from "../domain/outbox-report.ts";
import { bytes, kibibytes, millis, seconds } from "../domain/units.ts";
import type { ForwarderControl, OutboxSource } from "../host/ports.ts";
import { silentLogger } from "../lib/log.ts";
import type { Outbox } from "../provider/services.ts";
import { createForwarderHold } from "./forwarder-hold.ts";
import { createOutboxControl, recallOutbox, type OutboxControl } from "./outbox-control.ts";
import { createOutboxMeters } from "./outbox-meters.ts";

const never = { report: () => {}, signal: new AbortController().signal };

/** The publishing side of a store that can be exported from. */
function outboxOf(store: TransferStore, ledger: readonly LedgerEntry[] = []): Outbox & OutboxSource {
  return {
    ...store,
    publish: async (message) => {
      const { seq } = store.add(message.lane, message.subject, message);
      return { outcome: "durable", seq };
    },
    stats: async () =>
      // As much of it as is asked for here.
      ({
        lanes: LANES.map((lane) => ({ lane, rows: store.image.rows.filter((row) => row.lane === lane).length })),
        lastSeq: store.image.lastSeq,
      }) as unknown as OutboxStats,
    ledger: async () => ledger,
  };
}

interface RecordedForwarder extends ForwarderControl {
  readonly calls: string[];
  stored: number;
}

function recordingForwarder(): RecordedForwarder {
  const calls: string[] = [];
  const forwarder: RecordedForwarder = {
    calls,
    stored: 0,
    pause: async () => void calls.push("pause"),
    resume: () => void calls.push("resume"),
    lift: () => void calls.push("lift"),
    state: (): ForwarderState => ({
      stream: "FLEET",
      lanes: [
        {
          lane: "critical",
          phase: "forwarding",
          inFlight: 0,
          window: 1,
          stored: forwarder.stored,
          duplicates: 0,
          unexpected: 0,
          refused: 0,
          hubBehind: 0,
          lastError: undefined,
        },
      ],
    }),
  };
  return forwarder;
}

async function setUp(store = createTransferStore(), ledger: readonly LedgerEntry[] = []) {
  const clock = createFakeClock();
  const log = recordingLogger();
  const forwarder = recordingForwarder();
  const outbox = outboxOf(store, ledger);
  const meters = createOutboxMeters(outbox, clock);
  meters.watch(() => forwarder.state());
  const memory = await recallOutbox(store, log);
  const control: OutboxControl = createOutboxControl({
    device: "gw-1",
    bootId: "boot",
    source: store,
    state: store,
    flush: async () => {},
    transfer: store,
    forwarder,
    hub: () => ({ link: "online", mode: "direct", rtt: undefined, reason: undefined, server: undefined }),
    meters,
    condition: () => ({ mode: "memory", reason: "read-only" }),
    maxMessage: kibibytes(64),
    memory,
    clock,
    log,
  });
  return { ...control, store, clock, log, forwarder, meters };
}

describe("createOutboxControl()", () => {
  test("outbox-publish publishes for the control socket, and outbox tells the rates", async ({ expect }) => {
    const { handlers, store, clock, forwarder, meters } = await setUp();
    const body = Buffer.from("hot").toString("base64");
    const message = { lane: "critical", subject: "alarms.boiler", headers: { Unit: "bar" }, body, ttl: 5000 } as const;
    expect(await handlers["outbox-publish"](message, never)).toEqual({ outcome: "durable", seq: 1 });
    expect(store.image.rows).toMatchObject([{ owner: "control", ttl: 5000, headers: { Unit: "bar" } }]);
    expect(Buffer.from(store.image.rows[0]?.body ?? []).toString()).toBe("hot");
    await clock.advance(seconds(10));
    forwarder.stored = 20;
    await meters.source.acknowledge("critical", 1);
    const report = await handlers.outbox({}, never);
    expect(report).toMatchObject({
      paused: false,
      forwarder: { stream: "FLEET" },
      hub: { link: "online" },
      store: { mode: "memory", reason: "read-only" },
    });
    expect(report.rates.find(({ lane }) => lane === "critical")).toEqual({
      lane: "critical",
      accepted: 0.1,
      delivered: 2,
    });
  });

  test("outbox-ledger filters by lane, by what comes behind an entry, and by count", async ({ expect }) => {
    const loss = { count: 1, bytes: bytes(1), reported: false, reason: "cap", wall: millis(0) } as const;
    const entry = (id: number, lane: LedgerEntry["lane"]): LedgerEntry => ({ id, lane, from: id, to: id, ...loss });
    const entries = [entry(3, "standard"), entry(1, "critical"), entry(2, "standard")];
    const { handlers } = await setUp(createTransferStore(), entries);
    const ids = async (params: Parameters<(typeof handlers)["outbox-ledger"]>[0]): Promise<number[]> =>
      (await handlers["outbox-ledger"](params, never)).map(({ id }) => id);
    expect(await ids({})).toEqual([1, 2, 3]);
    expect(await ids({ lane: "standard" })).toEqual([2, 3]);
    expect(await ids({ since: 1 })).toEqual([2, 3]);
    expect(await ids({ since: 1, limit: 1 })).toEqual([2]);
  });

  test("outbox-pause holds forwarding over a restart, and an export in between does not let go", async ({ expect }) => {
    await using folder = await tempFolder();
    const first = await setUp();
    expect(await first.handlers["outbox-pause"]({}, never)).toEqual({ paused: true });
    expect(await first.handlers["outbox-pause"]({}, never)).toEqual({ paused: true });
    expect(first.forwarder.calls).toEqual(["pause"]);

    const second = await setUp(createTransferStore(first.store.image));
    expect(second.forwarder.calls).toEqual(["pause"]);
    expect((await second.handlers.outbox({}, never)).paused).toBe(true);
    second.store.add("critical", "alarms.boiler");
    await second.handlers["outbox-export"]({ file: `${folder.path}/f`, dryRun: false }, never);
    expect(second.forwarder.calls).not.toContain("resume");
    expect(await second.handlers["outbox-resume"]({}, never)).toEqual({ paused: false });
    expect(second.forwarder.calls.at(-1)).toBe("resume");

    const third = await setUp(createTransferStore(second.store.image));
    expect(third.forwarder.calls).toEqual([]);
    third.store.add("critical", "alarms.boiler");
    await third.handlers["outbox-export"]({ file: `${folder.path}/g`, dryRun: false }, never);
    expect(third.forwarder.calls).toEqual(["pause", "resume"]);
  });

  test("outbox-drain tells what is left of what waited, until all of that is gone", async ({ expect }) => {
    const { handlers, store, clock, forwarder, meters } = await setUp();
    for (let n = 0; n < 5; n += 1) store.add("critical", "alarms.boiler");
    const reports: DrainReport[] = [];
    const draining = handlers["outbox-drain"]({ wait: true }, { ...never, report: (one) => reports.push(one) });
    await clock.advance(millis(500));
    expect(forwarder.calls).toEqual(["lift"]);
    await store.acknowledge("critical", 3);
    // What comes in meanwhile is not waited for.
    await meters.outbox.publish({ lane: "critical", subject: "alarms.late", headers: {}, body: new Uint8Array() });
    await clock.advance(millis(500));
    await store.acknowledge("critical", 5);
    await clock.advance(millis(500));
    expect(await draining).toEqual({ left: [], paused: false });
    const rows = reports.map(({ left }) => left.map((lane) => lane.rows).join());
    expect(rows[0]).toBe("5");
    expect(rows.at(-1)).toBe("2");
    expect(store.image.rows).toHaveLength(1);
  });

  test("outbox-drain without waiting says what waits", async ({ expect }) => {
    const { handlers, store, forwarder } = await setUp();
    store.add("critical", "alarms.boiler");
    await handlers["outbox-pause"]({}, never);
    expect(await handlers["outbox-drain"]({ wait: false }, never)).toEqual({
      left: [{ lane: "critical", rows: 1 }],
      paused: true,
    });
    expect(forwarder.calls).toContain("lift");
  });

  test("disposing it ends a drain that waits", async ({ expect }) => {
    const control = await setUp();
    control.store.add("critical", "alarms.boiler");
    const draining = expect(control.handlers["outbox-drain"]({ wait: true }, never)).rejects.toThrow("stopping");
    await control.clock.advance(millis(100));
    await control[Symbol.asyncDispose]();
    await draining;
    expect(control.clock.sleeping).toBe(0);
  });

  test("recallOutbox() says that an export is to be finished, and lets an agent start that cannot write", async ({
    expect,
  }) => {
    const store = createTransferStore();
    const totals = { rows: 1, bytes: bytes(1), lanes: [], oldest: undefined };
    const record = { id: "id", file: "/media/stick/f", upTo: { critical: 1 }, totals, size: 1, sha256: "" };
    store.image.state.set("outbox-export", JSON.stringify(record));
    store.image.state.set("export:id", "1795836750612");
    const log = recordingLogger();
    await recallOutbox(store, log);
    expect(log.records).toMatchObject([{ level: "warn", fields: { file: "/media/stick/f" } }]);
    expect([...store.image.state.keys()]).toContain("export-record:id");

    const full = createTransferStore();
    full.image.state.set("outbox-export", JSON.stringify({ ...record, id: "other" }));
    full.image.state.set("outbox-paused", "by an operator");
    full.save = async () => await Promise.reject(new PetioleError("ERR_STORE_FAILED", "the disk is full"));
    expect((await recallOutbox(full, silentLogger)).paused).toBe(true);
  });
});

describe("createForwarderHold()", () => {
  test("resumes when the last holder lets go, and once", async ({ expect }) => {
    const forwarder = recordingForwarder();
    const hold = createForwarderHold(forwarder);
    const [first, second] = [await hold.take(), await hold.take()];
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect(forwarder.calls).toEqual(["pause", "pause"]);
    second[Symbol.dispose]();
    second[Symbol.dispose]();
    expect(forwarder.calls).toEqual(["pause", "pause", "resume"]);
  });

  test("lets go when pausing fails", async ({ expect }) => {
    const forwarder = recordingForwarder();
    const hold = createForwarderHold({ ...forwarder, pause: async () => await Promise.reject(new Error("no")) });
    await expect(hold.take()).rejects.toThrow("no");
    expect(forwarder.calls).toEqual(["resume"]);
  });
});
