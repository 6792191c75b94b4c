// Agents as processes, started as a device starts them.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { askAgent } from "../../src/adapters/control/client.ts";
import { SOCKET_NAME } from "../../src/adapters/control/protocol.ts";
import type { AgentStatus } from "../../src/domain/status.ts";
import { spawnProcess } from "../../test/support/processes.ts";
import { waitFor } from "../../test/support/wait-for.ts";

export interface MeasuredAgent extends AsyncDisposable {
  readonly pid: number;
  /** Milliseconds from starting the process until it said that it is ready. */
  readonly ready: number;
  status(): Promise<AgentStatus>;
}

/** Starts `petiole run` in a folder: state and cache are left there for the next start. */
export async function startAgent(
  command: readonly [string, ...string[]],
  folder: string,
  config: Readonly<Record<string, unknown>>,
): Promise<MeasuredAgent> {
  const file = join(folder, "petiole.yaml");
  const runtime = join(folder, "run");
  const folders = { state_dir: join(folder, "state"), cache_dir: join(folder, "cache"), runtime_dir: runtime };
  await writeFile(file, stringify({ device: { id: "footprint" }, ...folders, ...config }));
  const [program, ...args] = command;
  const started = performance.now();
  const process = await spawnProcess(program, [...args, "run", "--config", file]);
  let ready: number | undefined;
  const look = (): void => {
    if (ready === undefined && process.output().includes('"Agent is ready"')) ready = performance.now() - started;
  };
  process.child.stdout?.on("data", look);
  look();
  try {
    await waitFor("the agent to be ready", () => ready !== undefined || process.child.exitCode !== null, 120_000);
    if (ready === undefined) throw new Error(`The agent ended: ${process.output().slice(-2000)}`);
  } catch (error) {
    await process[Symbol.asyncDispose]();
    throw error;
  }
  return {
    pid: process.pid,
    ready,
    status: async () => await askAgent(join(runtime, SOCKET_NAME), "status"),
    async [Symbol.asyncDispose]() {
      process.signal("SIGTERM");
      await Promise.race([process.exited, new Promise((resolve) => setTimeout(resolve, 20_000).unref())]);
      await process[Symbol.asyncDispose]();
    },
  };
}
