import { test } from "vitest";
import type { WantedAgent } from "../../config/schema.ts";
import { PetioleError } from "../../domain/errors.ts";
import { minutes, seconds } from "../../domain/units.ts";
import { VERSION } from "../../domain/version.ts";
import { silentLogger } from "../../lib/log.ts";
import { createFakeClock, type FakeClock } from "../../../test/support/fake-clock.ts";
import { waitFor } from "../../../test/support/wait-for.ts";
import { createWanted, type Wanted, type WantedDeps } from "./wanted.ts";

const AGENT: WantedAgent = { version: "7.0.0", release: "nats-object://releases/7.release" };

interface Rig {
  readonly wanted: Wanted;
  readonly clock: FakeClock;
  readonly installed: string[];
  readonly refused: string[];
}

function rig(deps: Partial<WantedDeps> = {}): Rig {
  const clock = createFakeClock();
  const [installed, refused]: [string[], string[]] = [[], []];
  const wanted = createWanted({
    window: undefined,
    isClockSynced: () => true,
    isOnTrial: () => false,
    install: async (_reference, version) => {
      installed.push(version);
      return { from: VERSION, to: version, digest: "", size: 0, signers: [], outcome: "started" };
    },
    onRefused: async ({ code }) => void refused.push(code),
    clock,
    log: silentLogger,
    signal: new AbortController().signal,
    ...deps,
  });
  return { wanted, clock, installed, refused };
}

test("createWanted() installs what the document asks for, once everything runs", async ({ expect }) => {
  const { wanted, installed } = rig();
  await using _ = wanted;
  wanted.want(AGENT);
  expect(installed).toEqual([]);
  wanted.begin();
  await waitFor("the installation", () => installed.length === 1);
  wanted.want({ ...AGENT });
  expect([installed, wanted.status()?.state]).toEqual([["7.0.0"], "installing"]);
});

test("createWanted() does nothing when that version runs", async ({ expect }) => {
  const { wanted, installed } = rig();
  await using _ = wanted;
  wanted.begin();
  wanted.want({ ...AGENT, version: VERSION });
  expect([installed, wanted.status()?.state]).toEqual([[], "current"]);
});

test("createWanted() tries again what may pass, and tells of what does not", async ({ expect }) => {
  const failures = ["ERR_ARTIFACT_UNREACHABLE", "ERR_ARTIFACT_DISK", "ERR_TRUST_SIGNATURE"] as const;
  let tries = 0;
  const { wanted, clock, refused } = rig({
    install: async () => {
      throw new PetioleError(failures[tries++] ?? "ERR_INVARIANT", "no");
    },
  });
  await using _ = wanted;
  wanted.begin();
  wanted.want(AGENT);
  await waitFor(
    "a try that failed",
    () => wanted.status()?.reason?.includes(failures[0]) === true && clock.sleeping > 0,
  );
  await clock.advance(minutes(180));
  await waitFor("the refusal", () => refused.length === 1);
  expect([tries, refused, wanted.status()?.state]).toEqual([3, ["ERR_TRUST_SIGNATURE"], "refused"]);
});

test("createWanted() waits for the end of a trial, and for a clock that the window needs", async ({ expect }) => {
  const hurdles = { trial: true, synced: false };
  const { wanted, clock, installed } = rig({
    window: { from: 0, to: 24 * 60 - 1 },
    isOnTrial: () => hurdles.trial,
    isClockSynced: () => hurdles.synced,
  });
  await using _ = wanted;
  wanted.begin();
  wanted.want(AGENT);
  await waitFor("the trial", () => wanted.status()?.reason?.includes("on trial") === true && clock.sleeping > 0);
  hurdles.trial = false;
  await clock.advance(seconds(30));
  await waitFor("the clock", () => wanted.status()?.reason?.includes("clock") === true && clock.sleeping > 0);
  hurdles.synced = true;
  await clock.advance(seconds(30));
  await waitFor("the installation", () => installed.length === 1);
  expect(installed).toEqual(["7.0.0"]);
});
