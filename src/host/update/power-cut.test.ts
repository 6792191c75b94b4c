// Contract: whenever the power goes during updates, the next boot runs the version before or the one after, never neither;
// and what is wanted comes to an end: it is accepted, or it is marked and the version before runs.

import { array, assert, asyncProperty, constantFrom, nat } from "fast-check";
import { describe, test } from "vitest";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { waitFor } from "../../../test/support/wait-for.ts";
import {
  app,
  createDisk,
  createVersionWorld,
  digestOf,
  TRIAL,
  type Disk,
  type VersionWorld,
} from "../../../test/support/version-world.ts";
import { minutes } from "../../domain/units.ts";

const KINDS = ["good", "trapping", "stillborn"] as const;
class PowerCut extends Error {}

interface Life {
  readonly world: VersionWorld;
  /** Contents that were started in it. */
  readonly started: readonly string[];
  readonly cut: boolean;
}

/** Boots into `/app` and works until the trial is over, or until the power goes at step `steps`. */
async function live(disk: Disk, steps: number): Promise<Life> {
  let step = 0;
  let cut = false;
  const started: string[] = [];
  const clock = createFakeClock();
  const world = createVersionWorld(disk, {
    clock,
    onStep: (what) => {
      // From then on nothing reaches the disk any more.
      if (cut || step++ >= steps) {
        cut = true;
        throw new PowerCut(what);
      }
      if (what.startsWith("start ")) started.push(what.slice("start ".length));
    },
  });
  const spec = app("/app", { maxFailures: 0 });
  await world.boot(spec).catch(() => {});
  if (!cut) {
    await world
      .slot()
      .running.call("a:b/on", "event", [1])
      .catch(() => {});
    await clock.advance(minutes(2));
    if (!cut) await waitFor("the update to be decided", () => world.slot().status()?.state !== "trial");
  }
  return { world, started, cut };
}

const accepted = ({ state }: Disk): string | undefined => {
  const text = state.get("component-versions");
  if (text === undefined) return undefined;
  const { components } = JSON.parse(text) as { components: Record<string, { accepted?: string }> };
  return components["app"]?.accepted;
};

describe("power cuts", () => {
  test("leave the version before or the one after, for every place they come at", async ({ expect }) => {
    await assert(
      asyncProperty(
        constantFrom(...KINDS),
        array(nat({ max: 24 }), { maxLength: TRIAL.maxCrashes + 1 }),
        async (kind, cuts) => {
          const disk = createDisk({ "/app": "old" });
          await live(disk, Infinity);
          expect(accepted(disk)).toBe(digestOf("old"));
          // The file is overwritten in place: the version before is nowhere but in its copy.
          disk.files.set("/app", kind);
          for (const steps of cuts) {
            const { started, cut } = await live(disk, steps);
            if (!cut) break;
            if (started.length > 0) expect(["old", kind]).toContain(started[0]);
            const copy = disk.files.get(`/versions/${accepted(disk)}`);
            expect([digestOf("old"), digestOf(kind)]).toContain(accepted(disk));
            expect(copy === undefined ? undefined : digestOf(copy)).toBe(accepted(disk));
          }
          const { world, started } = await live(disk, Infinity);
          await using _ = world;
          const ended = world.slot().digest;
          expect(["old", kind]).toContain(started[0]);
          // One that is good may have been given up, when the power went in its trial again and again.
          if (kind === "good" && cuts.length < TRIAL.maxCrashes) expect(ended).toBe(digestOf("good"));
          if (kind !== "good") expect(ended).toBe(digestOf("old"));
          expect(accepted(disk)).toBe(ended);
          expect(await world.slot().running.call("a:b/on", "event", ["x"])).toBe(`${ended?.slice("sha256:".length)} x`);
        },
      ),
      { numRuns: 150 },
    );
  });
});
