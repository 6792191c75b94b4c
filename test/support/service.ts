// What systemd does with petiole.service, as far as updates need it: it starts the launcher again whenever that ended.

import { join } from "node:path";
import { askAgent } from "../../src/adapters/control/client.ts";
import { SOCKET_NAME } from "../../src/adapters/control/protocol.ts";
import type { AgentVersions } from "../../src/domain/release.ts";
import { LAUNCHER } from "./launcher.ts";
import { spawnProcess, type TestProcess } from "./processes.ts";
import { waitFor } from "./wait-for.ts";

export interface ServiceOptions {
  readonly packaged: string;
  readonly stateDir: string;
  readonly runtimeDir: string;
  readonly configFile: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface TestService extends AsyncDisposable {
  readonly socket: string;
  versions(): Promise<AgentVersions>;
  /** Resolves when an agent of this version answers and is not on trial. */
  settled(version: string): Promise<AgentVersions>;
  output(): string;
  /** Of the present process. */
  kill(signal: NodeJS.Signals): void;
}

export function startService(options: ServiceOptions): TestService {
  const { packaged, stateDir, runtimeDir, configFile } = options;
  const socket = join(runtimeDir, SOCKET_NAME);
  let current: TestProcess | undefined;
  const stop = new AbortController();
  let earlier = "";
  const env = { ...process.env, ...options.env, STATE_DIRECTORY: stateDir, PETIOLE_PACKAGED: packaged };

  const kept = keep();
  async function keep(): Promise<void> {
    for (; !stop.signal.aborted;) {
      current = await spawnProcess(LAUNCHER, ["run", "--config", configFile], { env });
      await current.exited;
      earlier += current.output();
    }
  }

  const versions = (): Promise<AgentVersions> => askAgent(socket, "agent-versions");
  const output = (): string => earlier + (current?.output() ?? "");
  return {
    socket,
    versions,
    output,
    kill: (signal) => current?.signal(signal),
    async settled(version) {
      try {
        return await waitFor(
          `version ${version} to run for good`,
          async () => {
            const found = await versions();
            return found.running === version && found.trial === undefined ? found : undefined;
          },
          120_000,
        );
      } catch (error) {
        throw new Error(`${String(error)}\n${output().slice(-8000)}`, { cause: error });
      }
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      current?.signal("SIGTERM");
      await waitFor(
        "the agent to end",
        () => current?.child.exitCode !== null || current.child.signalCode !== null,
      ).catch(() => current?.signal("SIGKILL"));
      await kept;
    },
  };
}
