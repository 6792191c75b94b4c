// Contract: who does what docs/tutorial.md says sees what it shows.

import { test } from "vitest";
import { reasonOf } from "../../src/lib/reason.ts";
import { playTutorial, TUTORIAL } from "../../scripts/tutorial/play.ts";
import { findProgram } from "../support/mqtt.ts";
import { skipping } from "../support/skip.ts";

const skip = skipping(findProgram("curl") === undefined, "the tutorial", "there is no curl, which its reader has");

test.skipIf(skip)("every step of docs/tutorial.md goes as it is written", { timeout: 600_000 }, async ({ expect }) => {
  const lines: string[] = [];
  const say = (line: string): void => void lines.push(line);
  const followed = await playTutorial({ document: TUTORIAL, tarball: undefined, say }).catch((error: unknown) => {
    throw new Error(`${lines.join("\n")}\n${reasonOf(error)}`, { cause: error });
  });
  expect(followed.chapters.length).toBeGreaterThan(3);
  expect(followed.running).toBeGreaterThan(0);
});
