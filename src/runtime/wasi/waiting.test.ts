import { describe, test } from "vitest";
import { instant, millisecondsUntil, Pollable, Signal, type Suspend, type Waitable } from "./waiting.ts";

const suspend: Suspend = (arm) => new Promise((resume) => void arm(resume));

/** Ready once it was told so. */
function gate(): Waitable & { open(): void; readonly subscribers: number } {
  const signal = new Signal();
  let isOpen = false;
  let subscribers = 0;
  return {
    ready: () => isOpen,
    subscribe(wake) {
      subscribers++;
      const cancel = signal.subscribe(wake);
      return () => {
        subscribers--;
        cancel();
      };
    },
    open() {
      isOpen = true;
      signal.notify();
    },
    get subscribers() {
      return subscribers;
    },
  };
}

describe("Pollable", () => {
  test("block() spends no promise on what is ready", ({ expect }) => {
    const one = gate();
    one.open();
    expect(new Pollable(suspend, one).block()).toBeUndefined();
  });

  test("block() waits on when it was woken for nothing", async ({ expect }) => {
    const signal = new Signal();
    let asked = 0;
    const pollable = new Pollable(suspend, { ready: () => asked > 1, subscribe: (wake) => signal.subscribe(wake) });
    let over = false;
    const blocked = pollable.block()?.then(() => {
      over = true;
    });
    for (asked = 1; asked <= 2; asked++) {
      expect(over).toBe(false);
      signal.notify();
      await new Promise(setImmediate);
    }
    await blocked;
    expect(over).toBe(true);
  });

  test("poll() names all that are ready, and leaves no subscription behind", async ({ expect }) => {
    const gates = [gate(), gate(), gate()];
    const polled = Pollable.poll(gates.map((one) => new Pollable(suspend, one)));
    expect(gates.map((one) => one.subscribers)).toEqual([1, 1, 1]);
    gates[1]?.open();
    gates[2]?.open();
    expect(await polled).toEqual(Uint32Array.of(1, 2));
    expect(gates.map((one) => one.subscribers)).toEqual([0, 0, 0]);
  });

  test("poll() answers at once when one is ready, and refuses an empty list", ({ expect }) => {
    const [closed, open] = [gate(), gate()];
    open.open();
    expect(Pollable.poll([closed, open].map((one) => new Pollable(suspend, one)))).toEqual(Uint32Array.of(1));
    expect(() => Pollable.poll([])).toThrow(/empty list/);
  });

  test("a wait that is taken back ends its subscriptions", ({ expect }) => {
    const one = gate();
    let takeBack = (): void => {};
    const dropped: Suspend = (arm) => {
      takeBack = arm(() => {});
      return new Promise(() => {});
    };
    void new Pollable(dropped, one).block();
    expect(one.subscribers).toBe(1);
    takeBack();
    expect(one.subscribers).toBe(0);
  });

  test("poll() lets in what has arrived before it tells that a timer is over", async ({ expect }) => {
    const arriving = gate();
    const over = instant(0n, () => 1n);
    const [timer, other] = [new Pollable(suspend, over), new Pollable(suspend, arriving)];
    setImmediate(() => arriving.open());
    expect(await Pollable.poll([timer, other])).toEqual(Uint32Array.of(0, 1));
    // Nothing to let in: told at once.
    expect(Pollable.poll([timer])).toEqual(Uint32Array.of(0));
    expect(Pollable.poll([timer, other])).toEqual(Uint32Array.of(0, 1));
  });
});

describe("instant()", () => {
  test("is ready from the instant on", async ({ expect }) => {
    const at = process.hrtime.bigint() + 2_000_000n;
    await new Pollable(
      suspend,
      instant(at, () => process.hrtime.bigint()),
    ).block();
    expect(process.hrtime.bigint() >= at).toBe(true);
  });

  test("millisecondsUntil() rounds up, and stays within what a timer takes", ({ expect }) => {
    expect([-1n, 0n, 1n, 1_000_000n, 1_000_001n].map(millisecondsUntil)).toEqual([0, 0, 1, 1, 2]);
    expect(millisecondsUntil(1n << 64n)).toBe(2_147_483_647);
  });
});
