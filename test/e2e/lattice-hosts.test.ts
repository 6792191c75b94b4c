// Contract: devices of one lattice call each other. A call stays on the device when its target runs there; several devices
// that have a component share its calls; one that stops loses none, and one that dies no more than it was at.

import { afterAll, describe, test } from "vitest";
import { isPetioleError } from "../../src/domain/errors.ts";
import { millis } from "../../src/domain/units.ts";
import { startLatticeHosts } from "../support/lattice-hosts.ts";
import { waitFor } from "../support/wait-for.ts";

const hosts = await startLatticeHosts(3);
afterAll(() => hosts[Symbol.asyncDispose]());
const [one, two, three] = hosts.devices as [
  (typeof hosts.devices)[0],
  (typeof hosts.devices)[0],
  (typeof hosts.devices)[0],
];

const SLOW_MS = 60_000;
/** So many failures are enough to see that it does not work. */
const MANY = 200;

/** Calls of `add` that go on, `width` at a time, until they are stopped. */
function startLoad(target: string, width: number, limit = millis(20_000)) {
  const end = new AbortController();
  const load = { answered: 0, wrong: 0, failures: [] as unknown[] };
  const callers = Array.from({ length: width }, async (_, caller) => {
    for (let left = 0; !end.signal.aborted && load.failures.length < MANY; left++) {
      try {
        if ((await hosts.add(target, left, caller, limit)) === left + caller) load.answered++;
        else load.wrong++;
      } catch (error) {
        load.failures.push(error);
      }
    }
  });
  const more = async (calls: number): Promise<void> => {
    const enough = load.answered + calls;
    await waitFor(`${calls} more answers of ${target}`, () => load.answered >= enough, SLOW_MS);
  };
  const stop = async (): Promise<typeof load> => {
    end.abort();
    await Promise.all(callers);
    return load;
  };
  return { more, stop };
}

describe("devices of one lattice", () => {
  test("call each other: over the lattice to another device, and directly to their own", async ({ expect }) => {
    await two.scale("b", 1);
    await hosts.link("b", "end");
    await one.scale("a", 1);
    await hosts.link("a", "b");
    const calls = async (): Promise<number[]> => [await one.calls("b"), await two.calls("b")];
    const [, before = 0] = await calls();
    expect(await hosts.add("a", 2, -5)).toBe(-3);
    expect(await calls()).toEqual([0, before + 1]);

    // From now on the target is on the caller's device too.
    await one.scale("b", 1);
    using heard = await hosts.overhear("b");
    expect(await hosts.add("a", 3, 4)).toBe(7);
    expect(await calls()).toEqual([1, before + 1]);
    expect(heard.count()).toBe(0);

    await one.scale("b", 0);
    expect(await hosts.add("a", 5, 6)).toBe(11);
    expect(await calls()).toEqual([0, before + 2]);
    expect(heard.count()).toBe(1);
  });

  test("say at once that nobody has the target", async ({ expect }) => {
    await one.scale("lonely", 1);
    await hosts.link("lonely", "nobody");
    await expect(hosts.add("lonely", 1, 1)).rejects.toMatchObject({ code: "ERR_CALL_NO_RESPONDER" });
    await expect(hosts.add("nobody", 1, 1)).rejects.toMatchObject({ code: "ERR_CALL_NO_RESPONDER" });
    await one.scale("lonely", 0);
  });

  test("serve as many calls at a time as they were asked for", async ({ expect }) => {
    await one.scale("wide", 3);
    await hosts.link("wide", "end");
    const release = Promise.withResolvers<void>();
    let inside = 0;
    hosts.answer = async (left) => {
      inside++;
      await release.promise;
      return left;
    };
    const calls = [1, 2, 3, 4].map((left) => hosts.add("wide", left, 0));
    await waitFor("three calls at a time", () => inside === 3);
    release.resolve();
    expect(await Promise.all(calls)).toEqual([1, 2, 3, 4]);
    hosts.answer = async (left, right) => left + right;
    await one.scale("wide", 0);
  });

  test("share a component's calls; one that stops having it loses none, and one that dies no more than it had", async ({
    expect,
  }) => {
    const WIDTH = 6;
    await one.scale("b", 2);
    await two.scale("b", 2);
    await three.scale("b", 2);
    const before = await Promise.all([one, two, three].map((device) => device.calls("b")));
    const load = startLoad("b", WIDTH);
    await waitFor(
      "a share for each device",
      async () => {
        const calls = await Promise.all([one, two, three].map((device) => device.calls("b")));
        return calls.every((count, index) => count > (before[index] ?? 0) + 5);
      },
      SLOW_MS,
    );

    await one.scale("b", 1);
    await load.more(30);
    await one.scale("b", 0);
    await load.more(30);
    await one.scale("b", 2);
    await load.more(30);
    await two.agent.stop("SIGTERM");
    await load.more(30);
    const clean = await load.stop();
    expect(clean).toMatchObject({ wrong: 0, failures: [] });

    const cut = startLoad("b", WIDTH, millis(5000));
    await cut.more(20);
    await three.agent.stop("SIGKILL");
    await cut.more(60);
    const { wrong, failures } = await cut.stop();
    expect(wrong).toBe(0);
    // Each caller may have had one call at the device that died. It hears of that, and its next ones go elsewhere.
    expect(failures.length).toBeLessThanOrEqual(WIDTH);
    for (const failure of failures) expect(isPetioleError(failure, "ERR_CALL_TIMEOUT")).toBe(true);
  });
});

test("devices with leaf nodes are called and call through them", async ({ expect }) => {
  await using behind = await startLatticeHosts(1, "leaf");
  const [device] = behind.devices;
  await device?.scale("a", 1);
  await behind.link("a", "end");
  expect(await behind.add("a", 20, 1)).toBe(21);
  await device?.scale("a", 0);
  await expect(behind.add("a", 20, 1)).rejects.toMatchObject({ code: "ERR_CALL_NO_RESPONDER" });
});
