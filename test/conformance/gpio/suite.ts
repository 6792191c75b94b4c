// What a component may rely on from `petiole:gpio`, whatever the chip is.

import { describe, test } from "vitest";
import type { Provider } from "../../../src/provider/contract.ts";
import { PetioleError } from "../../../src/domain/errors.ts";
import { createMailbox, type Mailbox } from "../../support/mailbox.ts";
import { bindLink, type BoundLink } from "../../support/provider-rig.ts";

const LINES = "petiole:gpio/lines";

interface EdgeEvent {
  readonly edge: "rising" | "falling";
  readonly timestamp: bigint;
  readonly sequence: bigint;
}

interface EdgeBatch {
  readonly label: string;
  readonly events: readonly EdgeEvent[];
  readonly lost: bigint;
  readonly level: "inactive" | "active";
  readonly deliveredAt: bigint;
}

/**
 * A started provider with these lines: inputs `button` (edges both, 5 ms of debounce), `door` (edges both, active low),
 * `flow` (edges rising), `plain` (no edges); outputs `lamp`, `valve` (active low, initially active).
 */
export interface GpioRig extends AsyncDisposable {
  readonly provider: Provider;
  /** Voltage on an input, from outside. */
  drive(label: string, high: boolean): void;
  /** Voltage of a line, seen from outside. */
  voltage(label: string): boolean;
  /** Lets milliseconds pass, or as many times more as the subject says, and what is due in them happen. */
  pass(milliseconds: number): Promise<void>;
  /** Nanoseconds of the monotonic clock. */
  now(): bigint;
  /** Takes the chip away, or brings it back; done when that was noticed. */
  plug(plugged: boolean): Promise<void>;
}

export const gpioLines = (scale = 1) =>
  ({
    button: { line: 17, direction: "input", edges: "both", debounce: `${5 * scale}ms` },
    door: { line: 22, direction: "input", edges: "both", active_low: true },
    flow: { line: 4, direction: "input", edges: "rising" },
    plain: { line: 5, direction: "input", bias: "pull-up" },
    lamp: { line: 27, direction: "output" },
    valve: { line: 10, direction: "output", active_low: true, initial: "active" },
  }) as const;

export interface GpioSubject {
  readonly name: string;
  /** By how much all times are longer, those of its rigs too: on a chip for which time passes by itself. */
  readonly scale?: number;
  /** It sees every edge. Others may miss some that come too fast, without a trace. */
  readonly exact: boolean;
  create(): Promise<GpioRig>;
}

export function gpioSuite(subject: GpioSubject): void {
  const { scale = 1 } = subject;
  const nanos = (milliseconds: number): bigint => BigInt(milliseconds * scale) * 1_000_000n;
  const watch = async (
    rig: GpioRig,
    label: string,
    config: object = {},
    before?: (batch: EdgeBatch) => unknown,
  ): Promise<{ readonly batches: Mailbox<EdgeBatch>; readonly link: BoundLink }> => {
    const batches = createMailbox<EdgeBatch>();
    const link = await bindLink(rig.provider, {
      config: { lines: { [label]: "read" }, ...config },
      handler: async (name, args) => {
        if (name !== "handle-edges") throw new Error(`unknown function ${name}`);
        const batch = args[0] as EdgeBatch;
        await before?.(batch);
        batches.put(batch);
      },
    });
    return { batches, link };
  };
  const edges = (batches: readonly EdgeBatch[]): string =>
    batches.flatMap(({ events }) => events.map(({ edge, sequence }) => `${edge} ${sequence}`)).join(", ");
  const error = (tag: string): object => ({ payload: { tag } });

  describe(`petiole:gpio on ${subject.name}`, () => {
    test("handle-edges gets an edge with time, sequence and level", async ({ expect }) => {
      await using rig = await subject.create();
      const { batches, link } = await watch(rig, "flow");
      await using _link = link;
      const before = rig.now();
      rig.drive("flow", true);
      await rig.pass(0);
      const [batch] = await batches.waitFor(1);
      expect(batch).toMatchObject({ label: "flow", lost: 0n, level: "active" });
      expect(batch?.events).toMatchObject([{ edge: "rising", sequence: 1n }]);
      const time = batch?.events[0]?.timestamp ?? 0n;
      expect(time).toBeGreaterThanOrEqual(before);
      expect(batch?.deliveredAt).toBeGreaterThanOrEqual(time);
    });

    test("handle-edges gets only the edges that the line reports", async ({ expect }) => {
      await using rig = await subject.create();
      const { batches, link } = await watch(rig, "flow");
      await using _link = link;
      for (const high of [true, false, true, false, true]) rig.drive("flow", high);
      await rig.pass(10);
      expect(edges(batches.all)).toBe("rising 1, rising 2, rising 3");
    });

    test("edges are of the logical level: active low turns them round", async ({ expect }) => {
      await using rig = await subject.create();
      rig.drive("door", true);
      const { batches, link } = await watch(rig, "door");
      await using _link = link;
      await rig.pass(10);
      rig.drive("door", false);
      await rig.pass(10);
      expect(edges(batches.all.slice(-1))).toMatch(/^rising/);
      expect(batches.all.at(-1)?.level).toBe("active");
    });

    test("debounce lets a change pass when it has lasted, with the time at which it was accepted", async ({
      expect,
    }) => {
      await using rig = await subject.create();
      const { batches, link } = await watch(rig, "button");
      await using _link = link;
      await using lines = await bindLink(rig.provider, { config: { lines: { button: "read" } } });
      for (const high of [true, false, true, false]) {
        rig.drive("button", high);
        // Where time passes by itself, it does so here.
        if (subject.exact) await rig.pass(1);
      }
      await rig.pass(20);
      expect(batches.all).toEqual([]);
      const pressed = rig.now();
      rig.drive("button", true);
      if (subject.exact) {
        await rig.pass(2);
        expect(await lines.call(LINES, "get", "button")).toBe("inactive");
      }
      await rig.pass(20);
      expect(edges(batches.all)).toBe("rising 1");
      expect(await lines.call(LINES, "get", "button")).toBe("active");
      expect((batches.all[0]?.events[0]?.timestamp ?? 0n) - pressed).toBeGreaterThanOrEqual(nanos(5));
    });

    test("edges that collect during a call go into the next one, together", async ({ expect }) => {
      await using rig = await subject.create();
      const gate = Promise.withResolvers<void>();
      let running = 0;
      const { batches, link } = await watch(rig, "door", {}, async () => {
        running += 1;
        expect(running).toBe(1);
        await gate.promise;
        running -= 1;
      });
      await using _link = link;
      await rig.pass(10);
      rig.drive("door", true);
      await rig.pass(10);
      for (const high of [false, true, false]) {
        rig.drive("door", high);
        await rig.pass(10);
      }
      expect(batches.all).toEqual([]);
      gate.resolve();
      await rig.pass(10);
      expect(batches.all.map(({ events }) => events.length)).toEqual([1, 3]);
      expect(batches.all.map(({ lost }) => lost)).toEqual([0n, 0n]);
      expect(batches.all[1]?.level).toBe("active");
    });

    test("a full queue drops by the link's policy and counts", async ({ expect }) => {
      await using rig = await subject.create();
      const gate = Promise.withResolvers<void>();
      const config = { queue: 3, max_batch: 2 };
      const { batches, link } = await watch(rig, "flow", config, async () => await gate.promise);
      await using _link = link;
      const press = async (): Promise<void> => {
        rig.drive("flow", true);
        rig.drive("flow", false);
        await rig.pass(10);
      };
      for (let i = 0; i < 8; i += 1) await press();
      gate.resolve();
      await rig.pass(20);
      expect(edges(batches.all)).toBe("rising 1, rising 6, rising 7, rising 8");
      expect(batches.all.map(({ events, lost }) => [events.length, lost])).toEqual([
        [1, 0n],
        [2, 4n],
        [1, 0n],
      ]);
    });

    test("edges that never came to the component count as lost, those it failed on do not", async ({ expect }) => {
      await using rig = await subject.create();
      const failures = [new PetioleError("ERR_COMPONENT_BUSY", "busy"), new PetioleError("ERR_COMPONENT_TRAP", "trap")];
      const { batches, link } = await watch(rig, "flow", {}, () => {
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
      });
      await using _link = link;
      for (let i = 0; i < 3; i += 1) {
        rig.drive("flow", true);
        rig.drive("flow", false);
        await rig.pass(10);
      }
      expect(edges(batches.all)).toBe("rising 3");
      // The batch that trapped told of the one before it.
      expect(batches.all[0]?.lost).toBe(0n);
    });

    test("an input reports to every component that is linked", async ({ expect }) => {
      await using rig = await subject.create();
      const first = await watch(rig, "flow");
      await using _first = first.link;
      const second = await watch(rig, "flow");
      rig.drive("flow", true);
      await rig.pass(10);
      await second.link[Symbol.asyncDispose]();
      rig.drive("flow", false);
      rig.drive("flow", true);
      await rig.pass(10);
      expect(edges(first.batches.all)).toBe("rising 1, rising 2");
      expect(edges(second.batches.all)).toBe("rising 1");
    });

    test("disposing a link waits for the call in flight", async ({ expect }) => {
      await using rig = await subject.create();
      const gate = Promise.withResolvers<void>();
      const { batches, link } = await watch(rig, "flow", {}, async () => await gate.promise);
      rig.drive("flow", true);
      await rig.pass(10);
      let ended = false;
      const ending = link[Symbol.asyncDispose]().then(() => {
        ended = true;
      });
      await rig.pass(10);
      expect(ended).toBe(false);
      gate.resolve();
      await ending;
      expect(batches.all.length).toBe(1);
    });

    test("get, get-many, set and set-many work on logical levels", async ({ expect }) => {
      await using rig = await subject.create();
      await using lines = await bindLink(rig.provider, {
        config: { lines: { lamp: "write", valve: "write", plain: "read" } },
      });
      expect(await lines.call(LINES, "get-many", ["valve", "lamp", "plain"])).toEqual(["active", "inactive", "active"]);
      expect([rig.voltage("valve"), rig.voltage("lamp")]).toEqual([false, false]);
      await lines.call(LINES, "set", "lamp", "active");
      expect(await lines.call(LINES, "get", "lamp")).toBe("active");
      expect(rig.voltage("lamp")).toBe(true);
      await lines.call(LINES, "set-many", [
        ["lamp", "inactive"],
        ["valve", "inactive"],
      ]);
      expect([rig.voltage("valve"), rig.voltage("lamp")]).toEqual([true, false]);
      rig.drive("plain", false);
      await rig.pass(1);
      expect(await lines.call(LINES, "get", "plain")).toBe("inactive");
    });

    test("list-lines describes the granted lines", async ({ expect }) => {
      await using rig = await subject.create();
      await using lines = await bindLink(rig.provider, { config: { lines: { button: "read", valve: "write" } } });
      expect(await lines.call(LINES, "list-lines")).toEqual([
        {
          label: "button",
          direction: "input",
          activeLow: false,
          bias: "as-is",
          drive: "push-pull",
          debouncePeriod: nanos(5),
          reportsEdges: true,
        },
        {
          label: "valve",
          direction: "output",
          activeLow: true,
          bias: "as-is",
          drive: "push-pull",
          debouncePeriod: 0n,
          reportsEdges: false,
        },
      ]);
    });

    test("pulse sets a line for a time, a further one restarts it, and set ends it", async ({ expect }) => {
      await using rig = await subject.create();
      await using lines = await bindLink(rig.provider, { config: { lines: { lamp: "write" } } });
      const pulse = async (): Promise<unknown> => await lines.call(LINES, "pulse", "lamp", nanos(50));
      await pulse();
      expect(rig.voltage("lamp")).toBe(true);
      await rig.pass(30);
      await pulse();
      await rig.pass(30);
      expect(rig.voltage("lamp")).toBe(true);
      await rig.pass(30);
      expect(rig.voltage("lamp")).toBe(false);
      await pulse();
      await lines.call(LINES, "set", "lamp", "active");
      await rig.pass(100);
      expect(rig.voltage("lamp")).toBe(true);
    });

    test("a pulse ends also when the component is gone, and with the provider", async ({ expect }) => {
      const rig = await subject.create();
      try {
        const lines = await bindLink(rig.provider, { config: { lines: { lamp: "write" } } });
        await lines.call(LINES, "pulse", "lamp", nanos(50));
        await lines[Symbol.asyncDispose]();
        await rig.pass(60);
        expect(rig.voltage("lamp")).toBe(false);
        await using again = await bindLink(rig.provider, { config: { lines: { lamp: "write" } } });
        await again.call(LINES, "pulse", "lamp", nanos(50));
      } finally {
        await rig[Symbol.asyncDispose]();
      }
      expect(rig.voltage("lamp")).toBe(false);
    });

    test("play-sequence plays levels one after another, as often as asked", async ({ expect }) => {
      await using rig = await subject.create();
      await using lines = await bindLink(rig.provider, { config: { lines: { lamp: "write" } } });
      const steps = [
        { level: "active", duration: nanos(40) },
        { level: "inactive", duration: nanos(80) },
      ];
      const seen: boolean[] = [];
      await lines.call(LINES, "play-sequence", "lamp", steps, 2);
      for (const wait of [20, 60, 60, 60, 120]) {
        await rig.pass(wait);
        seen.push(rig.voltage("lamp"));
      }
      // At 20, 80, 140, 200 and 320.
      expect(seen).toEqual([true, false, true, false, false]);
      await lines.call(LINES, "play-sequence", "lamp", steps.toReversed(), 1);
      await rig.pass(200);
      expect(rig.voltage("lamp")).toBe(true);
    });

    test("a sequence without end is ended by set, and with the component", async ({ expect }) => {
      await using rig = await subject.create();
      const lines = await bindLink(rig.provider, { config: { lines: { lamp: "write" } } });
      const blink = async (): Promise<void> => {
        const steps = [
          { level: "active", duration: nanos(40) },
          { level: "inactive", duration: nanos(40) },
        ];
        await lines.call(LINES, "play-sequence", "lamp", steps, 0);
      };
      await blink();
      await rig.pass(20 + 160);
      expect(rig.voltage("lamp")).toBe(true);
      await lines.call(LINES, "set", "lamp", "active");
      await rig.pass(60);
      expect(rig.voltage("lamp")).toBe(true);
      await blink();
      await lines[Symbol.asyncDispose]();
      await rig.pass(120);
      expect(rig.voltage("lamp")).toBe(false);
    });

    // Where each takes as long as the machine likes, fewer do.
    const burst = subject.exact ? 10_000 : 1000;
    test(`a burst of ${burst} edges: delivered in order, and with the lost ones they add up`, async ({ expect }) => {
      await using rig = await subject.create();
      const { batches, link } = await watch(rig, "door", { queue: 64, max_batch: 32 });
      await using _link = link;
      for (let i = 1; i <= burst; i += 1) {
        rig.drive("door", i % 2 === 1);
        if (i % 100 === 0) await rig.pass(1);
      }
      await rig.pass(100);
      let last = 0n;
      for (const { events, lost } of batches.all) {
        expect(events.length).toBeLessThanOrEqual(32);
        // Each gap is told of where it is.
        expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, i) => last + lost + BigInt(i) + 1n));
        last = events.at(-1)?.sequence ?? 0n;
      }
      expect(batches.all.at(-1)?.level).toBe("active");
      expect(last).toBeLessThanOrEqual(BigInt(burst));
      if (subject.exact) expect(last).toBe(BigInt(burst));
    });

    test("a chip that is unplugged fails with disconnected, and serves again when it is back", async ({ expect }) => {
      await using rig = await subject.create();
      const { batches, link } = await watch(rig, "flow");
      await using _link = link;
      await using lines = await bindLink(rig.provider, { config: { lines: { valve: "write", flow: "read" } } });
      await lines.call(LINES, "set", "valve", "inactive");
      rig.drive("flow", true);
      await rig.pass(10);
      await rig.plug(false);
      await expect(lines.call(LINES, "get", "flow")).rejects.toMatchObject(error("disconnected"));
      await expect(lines.call(LINES, "set", "valve", "active")).rejects.toMatchObject(error("disconnected"));
      expect(await lines.call(LINES, "list-lines")).toHaveLength(2);
      await rig.plug(true);
      // As after a start of the agent.
      expect(await lines.call(LINES, "get", "valve")).toBe("active");
      rig.drive("flow", false);
      await rig.pass(10);
      rig.drive("flow", true);
      await rig.pass(10);
      // The numbers go on, though the chip begins anew.
      expect(edges(batches.all)).toBe("rising 1, rising 2");
    });

    test("functions fail with the interface's errors", async ({ expect }) => {
      await using rig = await subject.create();
      await using lines = await bindLink(rig.provider, { config: { lines: { lamp: "read", valve: "write" } } });
      await expect(lines.call(LINES, "get", "door")).rejects.toMatchObject(error("not-granted"));
      await expect(lines.call(LINES, "set", "nothing", "active")).rejects.toMatchObject(error("not-granted"));
      await expect(lines.call(LINES, "set", "lamp", "active")).rejects.toMatchObject(error("not-permitted"));
      await expect(lines.call(LINES, "pulse", "lamp", 1n)).rejects.toMatchObject(error("not-permitted"));
      await expect(lines.call(LINES, "pulse", "valve", 0n)).rejects.toMatchObject(error("invalid-argument"));
      await expect(lines.call(LINES, "pulse", "valve", 2n ** 60n)).rejects.toMatchObject(error("invalid-argument"));
      const play = async (steps: readonly object[]): Promise<unknown> =>
        await lines.call(LINES, "play-sequence", "valve", steps, 1);
      for (const duration of [0n, 999_999n, 2n ** 60n]) {
        await expect(play([{ level: "active", duration }])).rejects.toMatchObject(error("invalid-argument"));
      }
      await expect(play([])).rejects.toMatchObject(error("invalid-argument"));
      const step = { level: "active", duration: 1_000_000n };
      await expect(play(Array.from({ length: 257 }, () => step))).rejects.toMatchObject(error("invalid-argument"));
      const both = [
        ["valve", "inactive"],
        ["lamp", "active"],
      ];
      await expect(lines.call(LINES, "set-many", both)).rejects.toMatchObject(error("not-permitted"));
      expect(await lines.call(LINES, "get", "valve")).toBe("active");
    });

    test("bind() refuses links that the lines cannot serve", async ({ expect }) => {
      await using rig = await subject.create();
      const refused = { code: "ERR_LINK_INVALID" };
      const bind = async (lines: object, component: string): Promise<BoundLink> =>
        await bindLink(rig.provider, { component, config: { lines } });
      await expect(bind({ kettle: "read" }, "a")).rejects.toMatchObject(refused);
      await expect(bind({ button: "write" }, "a")).rejects.toMatchObject(refused);
      await expect(watch(rig, "plain")).rejects.toMatchObject(refused);
      const writer = await bind({ lamp: "write" }, "a");
      await expect(bind({ lamp: "write" }, "b")).rejects.toMatchObject(refused);
      await using _reader = await bind({ lamp: "read" }, "b");
      await using _second = await bind({ lamp: "write" }, "a");
      await writer[Symbol.asyncDispose]();
      await expect(bind({ lamp: "write" }, "b")).rejects.toMatchObject(refused);
      await _second[Symbol.asyncDispose]();
      await using _next = await bind({ lamp: "write" }, "b");
    });
  });
}
