import { describe, test } from "vitest";
import { silentLogger } from "../lib/log.ts";
import { GENEROUS_LIMITS, ORDINARY_INSTANCE } from "../../test/support/workloads.ts";
import { millis } from "../domain/units.ts";
import { InstanceGroup, type Call } from "./instance-group.ts";
import { CellWriter } from "./worker/cells.ts";
import type { ToWorker } from "./worker/protocol.ts";
import type { WorkerSlot } from "./worker-slot.ts";

const DEADLINE = 1000;
const INSTANCE = 7;
const OTHER = 8;
const TURN = 1;

/** A group with one instance that has begun a call at time 0. The test is the worker. */
function beginCall() {
  const heard: unknown[] = [];
  const sent: ToWorker[] = [];
  const slot = { moveIn: () => {}, watch: () => {}, post: (message: ToWorker) => sent.push(message) };
  const clock = { now: 0 };
  const group = new InstanceGroup({
    number: 1,
    slot: slot as unknown as WorkerSlot, // All that a group asks of it.
    setup: {
      id: "subject",
      glue: { kind: "linked", script: "" },
      modules: new Map(),
      imports: [],
      exports: [],
      env: {},
      config: {},
      grants: ORDINARY_INSTANCE.grants,
      asksEgress: false,
      recycling: ORDINARY_INSTANCE.recycling,
      memory: 0,
      logRate: 0,
    },
    limits: { ...GENEROUS_LIMITS, deadline: millis(DEADLINE) },
    imports: {
      serve: async () => ({ kind: "value", value: undefined }),
      drop: () => {},
      egress: async () => ({ kind: "permit", permit: undefined }),
    },
    log: silentLogger,
    owner: {
      started: () => heard.push("started"),
      startFailed: () => heard.push("start failed"),
      kept: () => heard.push("kept"),
      spent: (computed) => heard.push(["spent", computed]),
      ended: (_call, outcome, computed) => heard.push([outcome.kind, computed]),
      unstarted: () => {},
      retired: (reason) => heard.push(reason),
      reached: () => {},
      lost: (_group, { suspect }) => heard.push(["lost", suspect]),
    },
    now: () => clock.now,
  });
  group.start(INSTANCE, { [Symbol.dispose]: () => {} });
  group.onMessage(["started", 1, INSTANCE, 0, 30]);
  const call: Call = {
    action: "call",
    body: ["call", 0, []],
    resolve: () => {},
    reject: () => {},
    losses: 0,
    order: 1,
  };
  group.send(call);
  const [open] = sent;
  if (open?.[0] !== "open") throw new Error("a group opens first");
  const place = sent.find((message) => message[0] === "start")?.[3] ?? 0;
  new CellWriter(open[1].cells).begin(place, TURN, 0);
  return { group, heard, sent, clock };
}

describe("InstanceGroup", () => {
  test("tells what a start computed", ({ expect }) => {
    expect(beginCall().heard).toEqual([["spent", 30], "started"]);
  });

  test("tells what a call computed for which the worker has to be ended", ({ expect }) => {
    const { group, heard } = beginCall();
    expect(group.judge(DEADLINE + 5, INSTANCE)).toEqual({ kind: "stop-worker" });
    expect(heard.slice(2)).toEqual([["failed", DEADLINE + 5]]);
  });

  test("tells what a call computed that was given up while it waited, or that ended after all", ({ expect }) => {
    const ended = beginCall();
    ended.group.judge(DEADLINE, 0);
    ended.group.onMessage(["retired", 1, INSTANCE, "expired", 400]);
    expect(ended.heard.slice(2)).toEqual([["failed", 0], ["spent", 400], "expired"]);
    const late = beginCall();
    late.group.judge(DEADLINE, 0);
    late.group.onMessage(["returned", 1, TURN, undefined, 500]);
    expect(late.heard.slice(2)).toEqual([
      ["failed", 0],
      ["spent", 500],
    ]);
  });

  test("takes no instance that goes on after all for one that has started", ({ expect }) => {
    const { group, heard, sent } = beginCall();
    group.judge(DEADLINE, 0);
    expect(sent.at(-1)).toEqual(["expire", 1, INSTANCE, TURN]);
    expect([group.live, group.size]).toEqual([0, 1]);
    group.onMessage(["kept", 1, INSTANCE]);
    expect(heard.slice(2)).toEqual([["failed", 0], "kept"]);
    expect(group.live).toBe(1);
  });

  test("takes off the time that another one's code holds off a call which was answered", async ({ expect }) => {
    const { group, heard, sent, clock } = beginCall();
    clock.now = 600;
    group.onMessage(["import", 1, TURN, INSTANCE, 1, 0, []]);
    expect(group.judge(DEADLINE - 1, OTHER)).toEqual({ kind: "wait", duration: 1 });
    await Promise.resolve();
    await Promise.resolve();
    expect(sent.at(-1)?.[0]).toBe("reply");
    expect(group.judge(5000, OTHER)).toEqual({ kind: "wait", duration: 25 });
    // 400 ms were left when it was answered.
    expect(group.judge(5010, INSTANCE)).toEqual({ kind: "wait", duration: 390 });
    expect(group.judge(5399, 0)).toEqual({ kind: "wait", duration: 1 });
    expect(heard).toHaveLength(2);
    expect(group.judge(5401, INSTANCE)).toEqual({ kind: "stop-worker" });
  });

  test("is suspect when the heap of its worker was full while nobody's code ran", ({ expect }) => {
    const lose = (current: number): unknown => {
      const { group, heard } = beginCall();
      group.onLost({ cause: "out-of-memory", current });
      return heard.at(-1);
    };
    expect(lose(0)).toEqual(["lost", true]);
    expect(lose(OTHER)).toEqual(["lost", false]);
  });

  test("gives up a call that no capability has answered, also while another one's code runs", ({ expect }) => {
    const { group, heard } = beginCall();
    group.onMessage(["import", 1, TURN, INSTANCE, 1, 0, []]);
    group.judge(DEADLINE, OTHER);
    expect(heard.slice(2)).toEqual([["failed", 0]]);
  });
});
