// Wherever the power goes while a version is installed, the launcher starts the version before or the new one, and the next
// try installs it all the same.

import { createHash, generateKeyPairSync, type KeyObject } from "node:crypto";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "vitest";
import { STORE_SCHEMA } from "../../../src/adapters/store/schema.ts";
import { packRelease } from "../../../src/lib/release-file.ts";
import { publicHalf } from "../../../src/trust/keys.ts";
import { signStatement } from "../../../src/trust/statement.ts";
import { createLauncherRig } from "../../support/launcher.ts";
import { tempFolder } from "../../support/processes.ts";

const CHILD = resolve(import.meta.dirname, "..", "..", "faults", "agent-update-child.ts");

const answer = JSON.stringify({ petiole: "0.3.0", store: STORE_SCHEMA });
const EXECUTABLE = `#!/bin/sh\n[ "$1" != agent ] || { echo '${answer}'; exit; }\necho "runs 0.3.0 $*"\n`;

test("a cut before any change of the disk leaves the old version or the new one", async ({ expect }) => {
  await using folder = await tempFolder();
  const key = generateKeyPairSync("ed25519").privateKey;
  const release = await pack(folder.path, key);
  const rig = createLauncherRig(join(folder.path, "rig"));
  rig.add("0.2.0");
  rig.link("current", "versions/0.2.0");
  const copies = join(folder.path, "copies");
  mkdirSync(copies);
  const args = [CHILD, rig.state, release, publicHalf(key).id, "0.2.0", copies];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  const count = Number(stdout);
  if (!(count > 20)) throw new Error(`${stdout}\n${stderr}`);
  const start = (name: string): string => createLauncherRig(rig.home, join(copies, name)).launch().stdout;
  const ran = Array.from({ length: count }, (_, cut) => start(String(cut)));
  // Once it is there it stays there.
  const first = ran.indexOf("runs 0.3.0 run");
  expect(first).toBeGreaterThan(10);
  expect(ran).toEqual(ran.map((_, at) => (at < first ? "runs 0.2.0 run" : "runs 0.3.0 run")));
  // Nothing that a cut leaves stands in the way of the next try.
  for (let cut = 0; cut < count; cut += 4) {
    expect({ cut, ran: start(`${cut}-again`) }).toEqual({ cut, ran: "runs 0.3.0 run" });
  }
});

async function pack(path: string, key: KeyObject): Promise<string> {
  const [binary, out] = [join(path, "petiole"), join(path, "0.3.0.release")];
  writeFileSync(binary, EXECUTABLE, { mode: 0o755 });
  const digest = `sha256:${createHash("sha256").update(EXECUTABLE).digest("hex")}`;
  const statement = { name: `petiole/linux-${process.arch}`, version: "0.3.0", digest, size: EXECUTABLE.length };
  await packRelease(binary, signStatement(statement, [key]), out);
  return out;
}
