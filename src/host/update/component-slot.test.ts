import { describe, test } from "vitest";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { waitFor } from "../../../test/support/wait-for.ts";
import {
  app,
  createDisk,
  createVersionWorld,
  digestOf,
  TRIAL,
  type VersionWorld,
} from "../../../test/support/version-world.ts";
import { PetioleError } from "../../domain/errors.ts";
import { millis, minutes, seconds } from "../../domain/units.ts";

const call = (world: VersionWorld, argument: unknown): Promise<unknown> =>
  world.slot().running.call("a:b/on", "event", [argument]);
const outcomesOf = ({ outcomes }: VersionWorld): string[] =>
  outcomes.map(({ outcome, digest }) => `${outcome} ${digest}`);

/** A world that runs `old` and has just been given `next`. */
async function updated(next: string, more: Parameters<typeof app>[1] = {}, options = {}) {
  const clock = createFakeClock();
  const disk = createDisk({ "/old": "old", "/next": next, "/third": "third" });
  const world = createVersionWorld(disk, { clock, ...options });
  await world.boot(app("/old", more));
  world.outcomes.length = 0;
  await world.want(app("/next", more));
  return { world, clock, disk };
}

describe("an update", () => {
  test("takes over beside the old version, which goes once the trial was passed", async ({ expect }) => {
    const { world, clock, disk } = await updated("good");
    await using _ = world;
    expect(world.running).toEqual(["old", "good"]);
    expect(world.slot().status()).toMatchObject({
      state: "trial",
      from: digestOf("old"),
      to: digestOf("good"),
      left: 60,
    });
    expect(await call(world, 1)).toBe("good 1");
    await clock.advance(minutes(1));
    await waitFor("the old version to go", () => world.running.join() === "good");
    expect(world.slot().status()).toBeUndefined();
    expect(await call(world, 2)).toBe("good 2");
    expect(outcomesOf(world)).toEqual(["switched sha256:good", "accepted sha256:good"]);
    await waitFor("the old copy to go", () => !disk.files.has("/versions/sha256:old"));
    expect(disk.files.has("/versions/sha256:good")).toBe(true);
  });

  test.for([
    ["does not start", "stillborn"],
    ["does not pass its probe", "sick"],
  ])("keeps the old version when the new one %s, and does not try it again", async ([, next = ""], { expect }) => {
    const probe = {
      ask: { kind: "call", interface: "a:b/on", function: "probe" },
      timeout: seconds(1),
      count: 2,
    } as const;
    const { world, disk, clock } = await updated(next, { probe });
    expect(world.running).toEqual(["old"]);
    expect(await call(world, 1)).toBe("old 1");
    expect(world.slot().status()).toMatchObject({
      state: "refused",
      from: digestOf("old"),
      to: digestOf(next),
      reason: { code: "ERR_UPDATE_FAILED" },
    });
    expect(world.updates.report()[0]?.bad).toMatchObject([{ digest: digestOf(next) }]);
    const before = world.calls.length;
    world.slot().reconsider();
    await world.slot().catchUp();
    await world[Symbol.asyncDispose]();
    // Nor after a restart.
    await using again = createVersionWorld(disk, { clock });
    await again.boot(app("/next", { probe }));
    expect(again.running).toEqual(["old"]);
    expect(again.slot().lastError).toMatchObject({ code: "ERR_UPDATE_BAD" });
    expect(again.calls.length + world.calls.length).toBe(before);
    expect(outcomesOf(again)).toEqual([`refused ${digestOf(next)}`]);
  });

  test.for([
    ["calls fail", "trapping", 2],
    ["it takes more and more memory", "leaking", 3],
  ] as const)("goes back by itself when %s", async ([, next, count], { expect }) => {
    const { world, clock } = await updated(next);
    await using _ = world;
    for (let i = 0; i < count; i++) await call(world, i).catch(() => {});
    await clock.advance(seconds(2));
    await waitFor("the new version to go", () => world.running.join() === "old");
    expect(await call(world, "x")).toBe("old x");
    expect(world.slot().status()).toMatchObject({ state: "rolled-back", from: digestOf("old"), to: digestOf(next) });
    expect(outcomesOf(world)).toEqual([`switched ${digestOf(next)}`, `rolled-back ${digestOf(next)}`]);
  });

  test("loses no call and repeats none, and keeps their order, over the switch there and back", async ({ expect }) => {
    let release = Promise.withResolvers<void>();
    release.resolve();
    const gate = (): Promise<void> => release.promise;
    const { world, clock } = await updated("good", {}, { gate });
    await using _ = world;
    release = Promise.withResolvers();
    // The first is with the new version when it is taken back; the others have not begun.
    const answers = [1, 2, 3].map((argument) => call(world, argument));
    const back = world.slot().rollBack();
    answers.push(call(world, 4));
    await new Promise((resolve) => setImmediate(resolve));
    expect(world.calls).toEqual(["good 1"]);
    release.resolve();
    await clock.advance(millis(10));
    await back;
    expect(await Promise.all(answers)).toEqual(["good 1", "old 2", "old 3", "old 4"]);
    expect(world.calls).toEqual(["good 1", "old 2", "old 3", "old 4"]);
  });

  test("waits for a call that may hang before it passes a trial", async ({ expect }) => {
    let release = Promise.withResolvers<void>();
    release.resolve();
    const gate = (): Promise<void> => release.promise;
    const { world, clock } = await updated("trapping", { maxFailures: 0 }, { gate });
    await using _ = world;
    release = Promise.withResolvers();
    const answer = call(world, 1).catch(() => "failed");
    await clock.advance(minutes(1));
    expect(world.slot().status()?.state).toBe("trial");
    release.resolve();
    expect(await answer).toBe("failed");
    await clock.advance(seconds(1));
    await waitFor("the version before", () => world.slot().status()?.state === "rolled-back");
  });

  test("waits for the calls of the version that goes, where they have an order", async ({ expect }) => {
    const clock = createFakeClock();
    const disk = createDisk({ "/old": "old", "/next": "next" });
    const release = Promise.withResolvers<void>();
    await using world = createVersionWorld(disk, { clock, gate: () => release.promise });
    await world.boot(app("/old"));
    const first = call(world, 1);
    const moved = world.want(app("/next"));
    await waitFor("the new version to be there", () => world.running.length === 2);
    const second = call(world, 2);
    await new Promise((resolve) => setImmediate(resolve));
    expect(world.calls).toEqual(["old 1"]);
    release.resolve();
    await first;
    await clock.advance(millis(10));
    await moved;
    expect(await second).toBe("next 2");
  });

  test("stops the old version first where two do not fit, and starts it again when the new one fails", async ({
    expect,
  }) => {
    const { world } = await updated("good", {}, { room: 1 });
    await using _ = world;
    expect(world.running).toEqual(["good"]);
    await world.slot().rollBack();
    expect(world.running).toEqual(["old"]);
    expect(await call(world, 1)).toBe("old 1");
    await world.want(app("/third", { beside: false }));
    expect(world.running).toEqual(["third"]);
  });

  test("to a third version ends the trial of the second without a mark", async ({ expect }) => {
    const { world } = await updated("good");
    await using _ = world;
    await world.want(app("/third"));
    await waitFor("the second to go", () => !world.running.includes("good"));
    expect(world.slot().status()).toMatchObject({ state: "trial", from: digestOf("old"), to: digestOf("third") });
    expect(world.updates.report()[0]?.bad).toEqual([]);
    await world.want(app("/old"));
    await waitFor("the first to be alone", () => world.running.join() === "old");
    expect(world.slot().status()).toBeUndefined();
  });

  test("is refused when its callers could not call the new version", async ({ expect }) => {
    const { world } = await updated("mute");
    await using _ = world;
    expect(world.slot().status()).toMatchObject({ state: "refused", reason: { code: "ERR_EXPORT_MISSING" } });
    // That may be due to the links: no mark.
    expect(world.updates.report()[0]?.bad).toEqual([]);
    expect(world.running).toEqual(["old"]);
  });

  test("that was taken back is tried again when somebody forgives it", async ({ expect }) => {
    const { world } = await updated("good");
    await using _ = world;
    await world.slot().rollBack();
    expect(await call(world, 1)).toBe("old 1");
    await expect(world.updates.forgive("app", digestOf("other"))).rejects.toMatchObject({ code: "ERR_UPDATE_UNKNOWN" });
    await world.updates.forgive("app", undefined);
    expect(world.slot().status()).toMatchObject({ state: "trial", to: digestOf("good") });
    await world.updates.accept("app");
    expect(world.slot().status()).toBeUndefined();
    await expect(world.updates.rollBack("app")).rejects.toMatchObject({ code: "ERR_UPDATE_UNKNOWN" });
  });

  test("without a trial is final at once", async ({ expect }) => {
    const { world } = await updated("good", { trial: millis(0) });
    await using _ = world;
    expect(world.slot().status()).toBeUndefined();
    await waitFor("the old version to go", () => world.running.join() === "good");
  });

  test("that the end of the host breaks off while it is prepared is refused by nobody", async ({ expect }) => {
    let prepared = 0;
    const onStep = (step: string): void => {
      if (step === "prepare" && ++prepared > 1) world.end();
      // A slot that tries for ever ends here.
      if (prepared > 5) throw new Error("it tries again and again");
    };
    const disk = createDisk({ "/old": "old", "/next": "next" });
    await using world = createVersionWorld(disk, { clock: createFakeClock(), onStep });
    await world.boot(app("/old"));
    world.outcomes.length = 0;
    await world.want(app("/next"));
    await world.want(app("/next"));
    expect(prepared).toBe(2);
    expect(outcomesOf(world)).toEqual([]);
    expect(world.slot().lastError).toBeUndefined();
    expect(world.updates.report()[0]?.bad).toEqual([]);
  });

  test("is not taken back when the end of the host breaks its last probe off", async ({ expect }) => {
    const probe = {
      ask: { kind: "call", interface: "a:b/on", function: "probe" },
      timeout: seconds(1),
      count: 1,
    } as const;
    const held = Promise.withResolvers<void>();
    let isOnTrial = false;
    const gate = async (): Promise<void> => {
      if (isOnTrial) await held.promise;
    };
    const { world, clock } = await updated("good", { probe }, { gate });
    await using _ = world;
    isOnTrial = true;
    await clock.advance(minutes(1));
    expect(world.calls).toEqual(["good probe", "good probe"]);
    world.end();
    await clock.advance(millis(0));
    held.resolve();
    await world[Symbol.asyncDispose]();
    expect(outcomesOf(world)).toEqual(["switched sha256:good"]);
    expect(world.updates.report()[0]?.bad).toEqual([]);
  });

  test("is not taken back for what fails once the host ends", async ({ expect }) => {
    const { world, clock } = await updated("trapping");
    await using _ = world;
    world.end();
    for (let calls = 0; calls < 2; calls++) await call(world, calls).catch(() => {});
    await clock.advance(seconds(2));
    await world[Symbol.asyncDispose]();
    expect(outcomesOf(world)).toEqual(["switched sha256:trapping"]);
    expect(world.updates.report()[0]?.bad).toEqual([]);
  });

  test("whose trial cannot be written down for a while is tried once it can", async ({ expect }) => {
    let isBroken = false;
    const onStep = (step: string): void => {
      if (isBroken && step.startsWith("save")) throw new PetioleError("ERR_STORE_FAILED", "the disk is full");
    };
    const disk = createDisk({ "/old": "old", "/next": "next" });
    await using world = createVersionWorld(disk, { clock: createFakeClock(), onStep });
    await world.boot(app("/old"));
    isBroken = true;
    for (let tries = 0; tries < TRIAL.maxCrashes + 2; tries++) {
      await world.want(app("/next"));
      expect(world.slot().status()).toMatchObject({ state: "refused", reason: { code: "ERR_STORE_FAILED" } });
    }
    expect(world.updates.report()[0]?.bad).toEqual([]);
    isBroken = false;
    await world.want(app("/next"));
    expect(world.slot().status()).toMatchObject({ state: "trial", to: digestOf("next") });
  });

  test("confirms what it accepts, and nothing that it does not", async ({ expect }) => {
    const confirmed: string[] = [];
    const trust = {
      check: async (_: unknown, { digest }: { digest: string }) => ({
        shown: { trusted: true, signers: [], version: undefined, reason: undefined },
        confirm: async () => void confirmed.push(digest),
      }),
    };
    const { world } = await updated("good", {}, { trust });
    await using _ = world;
    expect(confirmed).toEqual([digestOf("old")]);
    await world.slot().accept();
    expect(confirmed).toEqual([digestOf("old"), digestOf("good")]);
  });
});

describe("a boot", () => {
  test("starts what worked, and then tries what is wanted", async ({ expect }) => {
    const clock = createFakeClock();
    const disk = createDisk({ "/app": "old" });
    const first = createVersionWorld(disk, { clock });
    await first.boot(app("/app"));
    await first[Symbol.asyncDispose]();
    disk.files.set("/app", "new");
    await using second = createVersionWorld(disk, { clock });
    await second.boot(app("/app"));
    expect(second.running).toEqual(["old", "new"]);
    disk.files.delete("/app");
    await second[Symbol.asyncDispose]();
    await using third = createVersionWorld(disk, { clock });
    await third.boot(app("/app"));
    expect(third.running).toEqual(["old"]);
    expect(third.slot().lastError).toMatchObject({ code: "ERR_COMPONENT_UNREADABLE" });
  });

  test("gives up a version on whose trial the agent ended again and again", async ({ expect }) => {
    const clock = createFakeClock();
    const disk = createDisk({ "/app": "old" });
    const first = createVersionWorld(disk, { clock });
    await first.boot(app("/app"));
    await first[Symbol.asyncDispose]();
    disk.files.set("/app", "deadly");
    for (let crash = 0; crash < TRIAL.maxCrashes; crash++) {
      const world = createVersionWorld(disk, { clock });
      await world.boot(app("/app"));
      expect(world.running).toEqual(["old", "deadly"]);
      // No word: the power is gone. One that ends as it should does not count.
      if (crash > 0) continue;
      await world[Symbol.asyncDispose]();
      const calm = createVersionWorld(disk, { clock });
      await calm.boot(app("/app"));
    }
    await using last = createVersionWorld(disk, { clock });
    await last.boot(app("/app"));
    expect(last.running).toEqual(["old"]);
    expect(last.slot().lastError).toMatchObject({ code: "ERR_UPDATE_FAILED" });
  });
});
