import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { stringify } from "yaml";
import { askAgent } from "../../src/adapters/control/client.ts";
import { SOCKET_NAME } from "../../src/adapters/control/protocol.ts";
import type { AgentStatus } from "../../src/domain/status.ts";
import { spawnProcess, tempFolder, type TestProcess } from "./processes.ts";
import { waitFor } from "./wait-for.ts";

const ROOT = resolve(import.meta.dirname, "..", "..");
const STOP_LIMIT_MS = 20_000;
/** On a machine that is busy with other things too. */
const START_LIMIT_MS = 60_000;
/** The command, as a checkout has it, or the one that is to be tested instead, such as dist/linux-x64/petiole. */
export const PETIOLE = process.env["PETIOLE_TEST_PROGRAM"] ?? join(ROOT, "scripts", "petiole");

/** Path of a component that `npm run build:examples` has built. */
export const exampleComponent = (name: string): string => join(ROOT, "examples", name, "build", `${name}.wasm`);
export const fixtureComponent = (name: string): string =>
  join(ROOT, "test", "fixtures", "components", "build", `${name}.wasm`);

export interface TestAgent extends AsyncDisposable {
  readonly configFile: string;
  readonly stateDir: string;
  readonly socket: string;
  /** Of the present process; another after a restart. */
  readonly pid: number;
  status(): Promise<AgentStatus>;
  /** Ends the process and resolves with its exit code, null when the signal ended it. */
  stop(signal: "SIGTERM" | "SIGKILL"): Promise<number | null>;
  start(): Promise<void>;
  output(): string;
}

/** Runs one command to its end. */
export async function petiole(
  ...args: readonly string[]
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  await using child = await spawnProcess(PETIOLE, args);
  const text = { stdout: "", stderr: "" };
  child.child.stdout?.on("data", (chunk: Buffer) => (text.stdout += chunk.toString()));
  child.child.stderr?.on("data", (chunk: Buffer) => (text.stderr += chunk.toString()));
  const { code } = await child.exited;
  return { code, ...text };
}

export interface TestAgentOptions {
  /** Added to the agent's environment, such as that of `createFaults`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Instead of a new one. */
  readonly stateDir?: string;
  /** The program that is started, instead of PETIOLE. */
  readonly program?: string;
}

/** Starts `petiole run` with this configuration and resolves when everything local had its first try. */
export async function startAgent(
  config: Readonly<Record<string, unknown>>,
  options: TestAgentOptions = {},
): Promise<TestAgent> {
  const folder = await tempFolder();
  const configFile = join(folder.path, "petiole.yaml");
  const socket = join(folder.path, "run", SOCKET_NAME);
  const stateDir = options.stateDir ?? join(folder.path, "state");
  const env = { ...process.env, ...options.env };
  // The machine's temporary folder may be in memory, which is no matter of most tests.
  const store = { volatile: "accept" };
  const folders = { state_dir: stateDir, cache_dir: join(folder.path, "cache"), runtime_dir: join(folder.path, "run") };
  await writeFile(configFile, stringify({ device: { id: "gw-1" }, ...folders, store, ...config }));

  let running: TestProcess = await launch();
  let earlier = "";

  async function launch(): Promise<TestProcess> {
    const started = await spawnProcess(options.program ?? PETIOLE, ["run", "--config", configFile], { env });
    try {
      const answers = async (): Promise<boolean> => {
        if (started.child.exitCode !== null) return true;
        const { pid, state } = await askAgent(socket, "status");
        return pid === started.pid && state === "running";
      };
      await waitFor("the agent to answer", answers, START_LIMIT_MS);
      if (started.child.exitCode !== null) throw new Error(`the agent ended:\n${started.output()}`);
      return started;
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
  }

  return {
    configFile,
    stateDir,
    socket,
    get pid() {
      return running.pid;
    },
    status: async () => await askAgent(socket, "status"),
    async stop(signal) {
      running.signal(signal);
      const hung = Symbol();
      const bound = new AbortController();
      const end = await Promise.race([
        running.exited,
        setTimeout(STOP_LIMIT_MS, hung, { signal: bound.signal }).catch(() => hung),
      ]);
      bound.abort();
      if (end === hung) throw new Error(`the agent does not stop on ${signal}:\n${running.output().slice(-4000)}`);
      return (await running.exited).code;
    },
    async start() {
      earlier += running.output();
      running = await launch();
    },
    output: () => earlier + running.output(),
    async [Symbol.asyncDispose]() {
      // By SIGTERM first, so that the agent takes its nats-server along.
      running.signal("SIGTERM");
      const bound = new AbortController();
      void setTimeout(STOP_LIMIT_MS, undefined, { signal: bound.signal }).then(
        () => running.signal("SIGKILL"),
        () => {},
      );
      await running.exited;
      bound.abort();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** What `petiole outbox` prints for programs. @throws Error when it fails */
export async function outboxJson<T>(agent: TestAgent, ...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await petiole("outbox", ...args, "--json", "--socket", agent.socket);
  if (code !== 0) throw new Error(`petiole outbox ${args.join(" ")} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as T;
}
