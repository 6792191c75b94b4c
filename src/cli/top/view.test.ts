import { describe, test } from "vitest";
import type { MetricFamily } from "../../domain/metrics.ts";
import type { AgentStatus } from "../../domain/status.ts";
import { renderTop } from "./render.ts";
import { viewOf, type Look } from "../../ui/agent-view.ts";

interface Facts {
  readonly at?: number;
  readonly pid?: number;
  readonly uptime?: number;
  readonly calls?: number;
  readonly cpuTime?: number;
  readonly accepted?: number;
  readonly rows?: number;
  readonly dropped?: number;
  readonly linkCalls?: number;
  readonly late?: readonly string[];
}

// As much of a status as the view reads.
function lookWith({ at = 100, pid = 7, calls = 0, cpuTime = 0, accepted = 0, rows = 0, ...facts }: Facts): Look {
  const { uptime = 50, dropped = 0, linkCalls = 0, late = [] } = facts;
  const labels = { source: "smoother", target: "store", link: "default" };
  const metrics: MetricFamily[] = [
    { name: "petiole_link_calls_total", help: "", kind: "counter", samples: [{ labels, value: linkCalls }] },
    {
      name: "petiole_link_call_errors_total",
      help: "",
      kind: "counter",
      samples: [
        { labels: { ...labels, code: "ERR_CALL_TIMEOUT" }, value: 2 },
        { labels: { ...labels, code: "wit-error" }, value: 3 },
      ],
    },
    {
      name: "petiole_link_call_duration_seconds",
      help: "",
      kind: "histogram",
      samples: [{ labels, count: linkCalls, sum: linkCalls * 0.002, buckets: [] }],
    },
  ];
  const component = { state: "running", degraded: false, failures: 1, restarts: 0, memory: 65_536 };
  const status = {
    device: "gw",
    version: "1.0.0",
    pid,
    state: "running",
    uptime,
    rss: 90 * 1024 ** 2,
    service: {
      cpu: 5,
      memory: { anonymous: 30 * 1024 ** 2, max: 512 * 1024 ** 2 },
      watchdog: { period: 30_000, fedAgo: 20_000, late },
    },
    notices: [{ code: "ERR_X", message: "look at this" }],
    hub: { link: "online", rtt: 12 },
    clock: { state: "synced" },
    components: [
      { ...component, id: "smoother", calls, cpuTime },
      { ...component, id: "broken", state: "failed", calls: 0, cpuTime: 0 },
    ],
    providers: [{ id: "store", type: "keyvalue-memory", state: "running" }],
    links: [{ source: "smoother", target: "store", name: "default", interfaces: [] }],
    outbox: {
      bytes: 1000,
      cap: 1024 ** 2,
      lanes: [{ lane: "critical", rows, bytes: rows * 10, oldestAge: 5000, accepted, dropped, superseded: 0 }],
    },
    inbox: { waiting: 3 },
  } as unknown as AgentStatus;
  return { at, status, metrics };
}

describe("viewOf()", () => {
  test("counts per second since the look before", ({ expect }) => {
    const before = lookWith({ at: 100, calls: 10, cpuTime: 1000, accepted: 20, rows: 15, linkCalls: 4 });
    const after = lookWith({ at: 102, calls: 16, cpuTime: 2000, accepted: 30, rows: 11, linkCalls: 12, dropped: 2 });
    const view = viewOf(after, before);
    // What does not run comes first.
    expect(view.components.map(({ id }) => id)).toEqual(["broken", "smoother"]);
    expect(view.components[1]).toMatchObject({ callsPerSecond: 3, cpu: 0.5 });
    // Ten came, four fewer wait, and two of those that left were given up.
    expect(view.lanes[0]).toMatchObject({ waiting: 11, oldest: 5, acceptedPerSecond: 5, deliveredPerSecond: 6 });
    expect(view.links[0]).toMatchObject({ callsPerSecond: 4, errors: 5, inFlight: 0 });
    expect(view.links[0]?.mean).toBeCloseTo(0.002);
    expect(view.callsPerSecond).toBe(3);
  });

  test("without a look before, and after a restart of the agent, counts since its start", ({ expect }) => {
    const now = lookWith({ calls: 100 });
    const other = lookWith({ at: 99, pid: 6, calls: 1000 });
    // As in a container, where each one is the first process.
    const sameNumber = lookWith({ at: 99, uptime: 4000, calls: 60 });
    for (const before of [undefined, other, sameNumber]) {
      expect(viewOf(now, before).components[1]).toMatchObject({ callsPerSecond: 2 });
    }
  });

  test("says what needs a look", ({ expect }) => {
    expect(viewOf(lookWith({})).notices).toEqual(["look at this"]);
    expect(viewOf(lookWith({ late: ["store"] })).notices[1]).toMatch(/watchdog.*store/);
  });
});

describe("renderTop()", () => {
  const view = viewOf(lookWith({ calls: 100, rows: 3 }));

  test("shows everything where there is room", ({ expect }) => {
    expect(renderTop(view, { columns: 100, rows: undefined }).join("\n")).toMatchInlineSnapshot(`
      "gw: petiole 1.0.0, running, up 50 s, hub online 12 ms
      memory 30 MiB anonymous, 90 MiB resident of 512 MiB, cpu 10 %, calls 2.0
      outbox 1000 B of 1.0 MiB, inbox 3 waiting, clock synced
      attention: look at this

      COMPONENT  STATE    CALLS/S  CPU    MEMORY  FAILED  RESTARTS
      broken     failed   0        0.0 %  64 KiB  1       0
      smoother   running  2.0      0.0 %  64 KiB  1       0

      LANE      WAITING  SIZE  OLDEST  IN/S  OUT/S  DROPPED
      critical  3        30 B  5 s     0     0      0

      FROM      TO     LINK     CALLS/S  TIME  ERRORS  OPEN
      smoother  store  default  0        -     5       0

      PROVIDER  TYPE             STATE
      store     keyvalue-memory  running"
    `);
  });

  test("keeps to the screen, and counts what does not fit", ({ expect }) => {
    const components = Array.from({ length: 40 }, (_, index) =>
      view.components.slice(0, 1).map((one) => ({ ...one, id: `c${index}` })),
    );
    const many = { ...view, components: components.flat() };
    for (const rows of [1, 5, 10, 18, 24, 60]) {
      const lines = renderTop(many, { columns: 40, rows });
      expect(lines.length).toBeLessThanOrEqual(rows);
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(40);
    }
    const lines = renderTop(many, { columns: 80, rows: 24 });
    const more = lines.find((line) => /^\.\.\. \d+ more$/.test(line));
    const shown = lines.filter((line) => /^c\d+ /.test(line)).length;
    expect(Number(/\d+/.exec(more ?? "")?.[0]) + shown).toBe(40);
    // Every table is there.
    for (const heading of ["COMPONENT", "LANE", "FROM", "PROVIDER"]) {
      expect(lines.some((line) => line.startsWith(heading))).toBe(true);
    }
  });

  test("shows no control characters", ({ expect }) => {
    const lines = renderTop({ ...view, notices: ["a\u001b[2Jb\nc"] }, { columns: 100, rows: undefined });
    expect(lines.join("").match(/\p{Cc}/u)).toBeNull();
  });
});
