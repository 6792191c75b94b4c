import { describe, test } from "vitest";
import { eventsBetween } from "./events.ts";
import { liveView, type CloseLook, type LiveView } from "./live-view.ts";

interface Facts {
  readonly at?: number;
  readonly calls?: number;
  readonly state?: string;
  readonly link?: string;
  readonly pid?: number;
  readonly dropped?: number;
  readonly paused?: boolean;
  readonly target?: string;
  readonly text?: string;
  readonly many?: number;
  readonly restarts?: number;
  readonly update?: object;
  readonly healthy?: boolean;
}

function lookWith({ at = 100, calls = 0, pid = 7, text = "smoother", many = 1, ...facts }: Facts): CloseLook {
  const error = { code: "ERR_X", message: text };
  const repeat = <T>(make: (index: number) => T): T[] => Array.from({ length: many }, (_, index) => make(index));
  const ends = (index: number): object => ({
    source: many === 1 ? text : `${index}${text}`,
    target: facts.target ?? "store",
    name: "default",
    interfaces: [text],
  });
  // As much as the view reads.
  return {
    at,
    metrics: [],
    status: {
      device: text,
      version: "1.0.0",
      pid,
      state: "running",
      uptime: 50,
      rss: 1,
      notices: repeat((index) => ({ code: "ERR_X", message: `${index}${text}` })).slice(1),
      hub: { link: facts.link ?? "online", mode: "leaf", reason: facts.link === "offline" ? "cut" : undefined },
      clock: { state: "synced" },
      components: repeat((index) => ({
        id: many === 1 ? text : `${index}${text}`,
        state: facts.state ?? "running",
        degraded: false,
        digest: `sha256:${"ab".repeat(32)}`,
        calls,
        failures: 0,
        restarts: facts.restarts ?? 0,
        instances: 1,
        memory: 65_536,
        cpuTime: 0,
        update: facts.update,
        image: { reference: text },
        lastError: facts.state === "failed" ? error : undefined,
      })),
      providers: repeat((index) => ({
        id: many === 1 ? "store" : `${text}-p${index}`,
        type: text,
        state: "running",
        report: { healthy: facts.healthy, restarts: 0, lastError: error },
      })),
      links: repeat(ends),
      outbox: {
        bytes: 0,
        cap: 1024,
        lanes: [{ lane: "critical", rows: 3, bytes: 30, accepted: 0, dropped: facts.dropped ?? 0, superseded: 0 }],
      },
      inbox: { waiting: 0, hub: { state: "off" } },
    },
    links: { links: repeat((index) => ({ ...ends(index), state: "bound", lastError: error })), idle: [] },
    outbox: {
      paused: facts.paused ?? false,
      store: { mode: "disk" },
      forwarder: { lanes: [{ lane: "critical", phase: "forwarding", lastError: error }] },
    },
  } as unknown as CloseLook;
}
const viewWith = (facts: Facts): LiveView => liveView(lookWith(facts), undefined);

describe("liveView()", () => {
  test("says what there is, with rates since the look before", ({ expect }) => {
    const view = liveView(lookWith({ at: 102, calls: 16 }), lookWith({ calls: 10 }));
    expect(view.components).toMatchObject([{ id: "smoother", callsPerSecond: 3, calls: 16, version: "abababab" }]);
    expect(view.links).toMatchObject([{ from: "smoother", to: "store", state: "bound", error: "ERR_X: smoother" }]);
    expect(view.lanes).toMatchObject([{ lane: "critical", waiting: 3, phase: "forwarding" }]);
    expect([view.callsPerSecond, view.left]).toEqual([3, 0]);
  });

  test("stays small, however much the agent says", ({ expect }) => {
    const view = viewWith({ many: 2000, text: "x".repeat(20_000) });
    expect(JSON.stringify(view).length).toBeLessThan(1_000_000);
    expect(view.left).toBe(1800 + 1800 + 1600);
  });
});

describe("eventsBetween()", () => {
  const calm = viewWith({});
  const told = (before: Facts, now: Facts): string[] =>
    eventsBetween(viewWith(before), viewWith(now)).map(({ kind, text }) => `${kind}: ${text}`);

  test("tells what changed, and nothing else", ({ expect }) => {
    expect(eventsBetween(calm, viewWith({ calls: 100 }))).toEqual([]);
    expect(told({}, { link: "offline" })).toEqual(["bad: The hub is offline, was online: cut"]);
    expect(told({ link: "offline" }, {})).toEqual(["good: The hub is online, was offline"]);
    expect(told({}, { state: "failed" })).toEqual(["bad: Component smoother is failed, was running: ERR_X: smoother"]);
    expect(told({}, { pid: 8 })).toEqual(["note: The agent was started again: 1.0.0"]);
    expect(told({ dropped: 1 }, { dropped: 3 })).toEqual(["bad: Lane critical gave up 2 messages"]);
    expect(told({}, { paused: true })).toEqual(["note: Forwarding to the hub is paused"]);
    expect(told({}, { restarts: 1 })).toEqual(["bad: Component smoother was replaced after a fault"]);
    expect(told({}, { healthy: false })).toEqual(["bad: Provider store says that it is not well"]);
    expect(told({}, { target: "redis" })).toEqual([
      "note: Link smoother → redis is new",
      "note: Link smoother → store is gone",
    ]);
    const trial = { state: "trial", to: `sha256:${"cd".repeat(32)}` };
    expect(told({ update: { ...trial, left: 9 } }, { update: { ...trial, left: 7 } })).toEqual([]);
    expect(told({ update: trial }, {})).toEqual(["note: Component smoother: its trial is over"]);
  });

  test("tells a bounded number of changes at once", ({ expect }) => {
    const events = eventsBetween(calm, viewWith({ many: 200, text: "y" }));
    expect(events.length).toBe(40);
    expect(events.at(-1)?.text).toMatch(/^and \d+ more changes$/);
  });
});
