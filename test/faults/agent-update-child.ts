// Installs a release over the version before, and copies the state folder before each change of the disk: what a power cut
// there would leave. Then installs it over each copy once more, as the next try would.
//
//   node agent-update-child.ts STATE RELEASE KEY BEFORE COPIES
//
// Prints how many copies there are, as COPIES/<number>/; what the next try made of one is COPIES/<number>-again/.

import { cpSync } from "node:fs";
import disk, { type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { createAgentFolder } from "../../src/adapters/versions/agent-folder.ts";
import { installRelease } from "../../src/daemon/agent-update/install-release.ts";
import { writePending } from "../../src/daemon/agent-update/pending.ts";
import { releaseTargetOf } from "../../src/domain/release.ts";
import { seconds } from "../../src/domain/units.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { parsePublicKey } from "../../src/trust/keys.ts";

const [state = "", release = "", keyText = "", before = "", copies = ""] = process.argv.slice(2);
const key = parsePublicKey(keyText);
const target = releaseTargetOf(process.arch);
if (key === undefined || target === undefined) throw new Error("want a key, on a machine that there are releases for");

let count = 0;
let copying = true;
const copy = (from: string, to: string): void => cpSync(from, to, { recursive: true, verbatimSymlinks: true });

/** The functions of `object` that change the disk: a copy is made before each of their calls. */
function watch<T extends object>(object: T, names: readonly (keyof T)[]): void {
  for (const name of names) {
    const original = object[name] as (...args: unknown[]) => unknown;
    const watched = function (this: unknown, ...args: unknown[]): unknown {
      if (copying) copy(state, join(copies, String(count++)));
      return original.apply(this, args);
    };
    object[name] = watched as T[keyof T];
  }
}

const handle = await disk.open(release);
watch(Object.getPrototypeOf(handle) as FileHandle, ["writeFile", "sync"]);
await handle.close();
watch(disk, ["mkdir", "open", "rename", "rm", "symlink", "writeFile"]);
syncBuiltinESMExports();

async function install(path: string): Promise<void> {
  const folder = createAgentFolder(path);
  await folder.make();
  const policy = {
    mode: "enforce",
    digests: [],
    keys: [{ ...pinned, name: "release", kinds: ["statement"] }],
    threshold: 1,
    allowDowngrade: false,
    unsyncedClock: "refuse",
  } as const;
  await installRelease(
    {
      folder,
      policy,
      circumstances: {
        target: machine,
        running: before,
        packaged: "0.1.0",
        now: { wall: Date.now(), synced: true },
        bad: [],
      },
      before,
      config: "/etc/petiole/petiole.yaml",
      openSource: () => {
        throw new Error("a file needs no source");
      },
      stall: seconds(10),
      clock: systemClock,
      log: silentLogger,
      onActivate: ({ version, digest }) => writePending(path, { from: before, to: version, digest, ran: [] }),
    },
    { from: { file: release }, dryRun: false },
    new AbortController().signal,
  );
}

const [pinned, machine] = [key, target];
await install(join(state, "agent"));
copying = false;
copy(state, join(copies, String(count++)));
for (let at = 0; at < count; at++) {
  const again = join(copies, `${at}-again`);
  copy(join(copies, String(at)), again);
  await install(join(again, "agent"));
}
process.stdout.write(String(count));
