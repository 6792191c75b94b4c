// Agents as processes, started as a device starts them.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { askAgent } from "../../src/adapters/control/client.ts";
import { SOCKET_NAME } from "../../src/adapters/control/protocol.ts";
import type { AgentStatus } from "../../src/domain/status.ts";
import { spawnProcess } from "../../test/support/processes.ts";
import { waitFor } from "../../test/support/wait-for.ts";
import { processorTime } from "./process-account.ts";

/** As systemd/petiole.service has it. */
const SERVICE = { MALLOC_ARENA_MAX: "2" };

export interface MeasuredAgent extends AsyncDisposable {
  readonly pid: number;
  /** Milliseconds from starting the process until it said that it is ready. */
  readonly ready: number;
  /** Milliseconds of processor time until then, of all its threads: what a busy machine does not change. */
  readonly work: number;
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
  const agent = await spawnProcess(program, [...args, "run", "--config", file], {
    env: { ...process.env, ...SERVICE },
  });
  let ready: number | undefined;
  let work = 0;
  const look = (): void => {
    if (ready !== undefined || !agent.output().includes('"Agent is ready"')) return;
    ready = performance.now() - started;
    work = processorTime(agent.pid);
  };
  agent.child.stdout?.on("data", look);
  look();
  try {
    await waitFor("the agent to be ready", () => ready !== undefined || agent.child.exitCode !== null, 120_000);
    if (ready === undefined) throw new Error(`The agent ended: ${agent.output().slice(-2000)}`);
  } catch (error) {
    await agent[Symbol.asyncDispose]();
    throw error;
  }
  return {
    pid: agent.pid,
    ready,
    work,
    status: async () => await askAgent(join(runtime, SOCKET_NAME), "status"),
    async [Symbol.asyncDispose]() {
      agent.signal("SIGTERM");
      await Promise.race([agent.exited, new Promise((resolve) => setTimeout(resolve, 20_000).unref())]);
      await agent[Symbol.asyncDispose]();
    },
  };
}
