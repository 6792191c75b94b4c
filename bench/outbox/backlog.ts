// Memory and start with an empty store and with 256 MB in it; each measured in a process of its own.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { mebibytes } from "../../src/domain/units.ts";
import { median, type Report } from "../frame.ts";
import { inFolder, openAt, publishInTurn } from "./load.ts";

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL("./backlog-main.ts", import.meta.url));
const CAP = mebibytes(320);
const SIZE = 1000;
const ROUNDS = 3;

export interface BacklogSample {
  readonly startMs: number;
  readonly rss: number;
  readonly rows: number;
}

export async function reportBacklog(report: Report): Promise<void> {
  const empty = await inFolder(sample);
  const full = await inFolder(async (dir) => {
    {
      await using store = await openAt(dir, { maxBytes: CAP });
      await publishInTurn(store, Math.floor(mebibytes(256) / (SIZE + 80)), "standard", { size: SIZE });
    }
    return await sample(dir);
  });
  report({ name: "start with an empty store", value: empty.startMs, unit: "ms" });
  report({
    name: `start with 256 MB waiting (${full.rows} messages)`,
    value: full.startMs,
    unit: "ms",
    ratio: full.startMs / empty.startMs,
    goal: { of: "value", atMost: 2000 },
  });
  const megabytes = (bytes: number): number => bytes / 1024 ** 2;
  report({ name: "resident after 20,000 messages, nothing waiting before", value: megabytes(empty.rss), unit: "MB" });
  report({
    name: "resident after 20,000 of the 256 MB were sent: beyond that",
    value: megabytes(full.rss - empty.rss),
    unit: "MB",
    ratio: full.rss / empty.rss,
    goal: { of: "value", atMost: 16 },
  });
}

async function sample(dir: string): Promise<BacklogSample> {
  const samples: BacklogSample[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const { stdout } = await run(process.execPath, ["--expose-gc", MAIN, dir, String(CAP)]);
    samples.push(JSON.parse(stdout) as BacklogSample);
  }
  return {
    startMs: median(samples.map(({ startMs }) => startMs)),
    rss: median(samples.map(({ rss }) => rss)),
    rows: samples[0]?.rows ?? 0,
  };
}
