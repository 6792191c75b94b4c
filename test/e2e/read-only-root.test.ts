// Contract: the agent needs three folders that it may write to, and nothing else. Run in a mount namespace of its own,
// in which every file system is read-only but for these.

import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { test } from "vitest";
import { stringify } from "yaml";
import { askAgent } from "../../src/adapters/control/client.ts";
import { SOCKET_NAME } from "../../src/adapters/control/protocol.ts";
import { exampleComponent, PETIOLE } from "../support/agent.ts";
import { freePort } from "../support/ports.ts";
import { spawnProcess, tempFolder } from "../support/processes.ts";
import { skipping } from "../support/skip.ts";
import { waitFor } from "../support/wait-for.ts";

const run = promisify(execFile);

// Arguments: how many folders stay writable, the folders, the command.
const SEAL = `
set -e
count=$1; shift
mount --make-rprivate /
kept=
while [ "$count" -gt 0 ]; do
  mount --bind "$1" "$1"; kept="$kept $1 "; shift; count=$((count - 1))
done
while read -r _ _ _ _ point _; do
  point=$(printf '%b' "$point")
  case "$point" in /proc | /proc/* | /sys | /sys/*) continue ;; esac
  case "$kept" in *" $point "*) continue ;; esac
  mount -o remount,bind,ro "$point" 2>/dev/null || true
done </proc/self/mountinfo
if touch "$TMPDIR_PROBE" 2>/dev/null; then echo "the root can still be written" >&2; exit 9; fi
exec "$@"
`;

async function maySeal(): Promise<boolean> {
  try {
    await run("unshare", ["-m", "mount", "-o", "remount,bind,ro", "/"]);
    return true;
  } catch {
    return false;
  }
}

const isImpossible = skipping(!(await maySeal()), "the read-only root", "mounting needs root, and unshare");

test.skipIf(isImpossible)("the agent works with a read-only root", async ({ expect }) => {
  await using folder = await tempFolder();
  const [state, cache, runtime] = ["state", "cache", "run"].map((name) => join(folder.path, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [state, cache, runtime]) await mkdir(path);
  const config = join(folder.path, "petiole.yaml");
  const [listen, monitor] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  await writeFile(
    config,
    stringify({
      device: { id: "sealed" },
      state_dir: state,
      cache_dir: cache,
      runtime_dir: runtime,
      store: { volatile: "accept" },
      hub: { urls: ["nats-leaf://127.0.0.1:1"], domain: "hub" },
      leaf: { listen, monitor },
      components: { smoother: { file: exampleComponent("smoother") } },
      providers: { bus: { type: "messaging-nats" }, store: { type: "keyvalue-sqlite" } },
      links: [
        { from: "smoother", to: "bus", interfaces: ["wasmcloud:messaging/consumer"] },
        { from: "smoother", to: "store", interfaces: ["wasi:keyvalue/store", "wasi:keyvalue/atomics"] },
      ],
    }),
  );
  const env = { ...process.env, TMPDIR_PROBE: join(tmpdir(), `petiole-probe-${process.pid}`) };
  const args = ["-m", "sh", "-c", SEAL, "sh", "3", state, cache, runtime, PETIOLE, "run", "--config", config];
  await using agent = await spawnProcess("unshare", args, { env });
  const socket = join(runtime, SOCKET_NAME);
  const status = await waitFor(
    "the agent",
    async () => {
      if (agent.child.exitCode !== null) throw new Error(agent.output());
      const answer = await askAgent(socket, "status");
      return answer.state === "running" && answer.hub.server !== undefined ? answer : undefined;
    },
    60_000,
  );
  expect(status.components).toMatchObject([{ id: "smoother", state: "running" }]);
  const params = { subject: "alarms.a", body: "", lane: "critical", headers: {} } as const;
  expect(await askAgent(socket, "outbox-publish", { params })).toMatchObject({ outcome: "durable" });
  agent.signal("SIGTERM");
  expect((await agent.exited).code).toBe(0);
  expect(agent.output()).not.toMatch(/EROFS|read-only file system/i);
});
