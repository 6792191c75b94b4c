// A device: its configuration, its agent, and somebody at its keyboard.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { SOCKET_NAME } from "../../src/adapters/control/protocol.ts";
import { freePort } from "../../test/support/ports.ts";
import { commandFor, notRunning, startAgent, type Agent } from "./agent.ts";
import { commandLine, runPetiole } from "./command.ts";
import { HUB_DOMAIN, HUB_STREAM, type Hub } from "./hub.ts";
import type { Stage } from "./perform.ts";
import { waitUntil } from "./wait.ts";
import { reasonOf } from "../../src/lib/reason.ts";

const READY_LIMIT_MS = 60_000;

export interface DeviceOptions {
  readonly id: string;
  /** The device gets a leaf node of this hub; without it, it is on its own. */
  readonly hub?: Hub;
  /** Further parts of its `petiole.yaml`. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface Device {
  readonly id: string;
  readonly configFile: string;
  /** The control socket. */
  readonly socket: string;
  /** Where its nats-server takes local clients; undefined without a hub. */
  readonly leafUrl: string | undefined;
  /** The present agent: another one after a restart. */
  readonly agent: Agent;
  /** Shows a command of petiole, runs it on this device, and shows what it prints, which it returns. Rejects when it fails. */
  type(...args: readonly string[]): Promise<string>;
  /** Runs a command of petiole on this device unseen, and returns what it prints. */
  run(...args: readonly string[]): Promise<string>;
  /** Ends the agent in an orderly way, or like a power cut. */
  stop(how: "orderly" | "power-cut"): Promise<void>;
  start(): Promise<void>;
  /** The command with which one looks at it. */
  hint(...args: readonly string[]): string;
}

/** Starts a device; with a hub, it is online when this resolves. */
export async function startDevice(stage: Stage, options: DeviceOptions): Promise<Device> {
  const { id, hub } = options;
  const configFile = join(stage.folder, `${id}.yaml`);
  const logFile = join(stage.folder, `${id}.log`);
  const leaf = hub === undefined ? undefined : await leafOf(hub);
  const folder = join(stage.folder, id);
  await writeFile(configFile, stringify({ ...baseConfig(id, folder), ...leaf?.config, ...options.config }));
  stage.log(`The agent of ${id}`, logFile);
  let agent = await launch();
  stage.own({ [Symbol.asyncDispose]: async () => await agent[Symbol.asyncDispose]() });

  async function launch(): Promise<Agent> {
    const started = await startAgent(configFile, logFile);
    started.ended.addEventListener("abort", () => stage.fail(started.ended.reason));
    return started;
  }
  const untilReady = async (): Promise<void> => await waitUntilReady(agent, hub !== undefined, stage.signal);
  const run = async (args: readonly string[]): Promise<string> =>
    await runPetiole(stage, [...args, "--config", configFile]);

  await stage.screen.task(
    `Device ${id}`,
    untilReady,
    () => `process ${agent.pid}, configured by ${configFile}${hub === undefined ? "" : ", online"}`,
  );
  return {
    id,
    configFile,
    socket: join(folder, "run", SOCKET_NAME),
    leafUrl: leaf?.url,
    get agent() {
      return agent;
    },
    async type(...args) {
      stage.screen.command(id, commandLine(args));
      const output = await run(args);
      stage.screen.output(output);
      return output;
    },
    run: async (...args) => await run(args),
    async stop(how) {
      await (how === "orderly" ? agent[Symbol.asyncDispose]() : agent.kill());
    },
    async start() {
      agent = await launch();
      await untilReady();
    },
    hint: (...args) => commandFor(configFile, ...args),
  };
}

function baseConfig(id: string, folder: string) {
  return {
    device: { id },
    state_dir: join(folder, "state"),
    cache_dir: join(folder, "cache"),
    runtime_dir: join(folder, "run"),
    // The machine's temporary folder may be in memory.
    store: { volatile: "accept" },
  };
}

async function leafOf(hub: Hub) {
  const [listen, monitor] = [await freePort(), await freePort()].map((port) => `127.0.0.1:${port}`);
  return {
    url: `nats://${listen}`,
    config: {
      hub: {
        mode: "leaf",
        urls: [hub.leafUrl],
        domain: HUB_DOMAIN,
        stream: { name: HUB_STREAM, create: true },
        // Short, so that one sees the link go and come back soon.
        poll_interval: "500ms",
        echo_interval: "2s",
        echo_timeout: "1s",
      },
      leaf: { listen, monitor, server: hub.natsServer },
    },
  };
}

/** Resolves when the agent runs everything and, if it has a hub, reaches it. */
export async function waitUntilReady(agent: Agent, online: boolean, signal: AbortSignal): Promise<void> {
  let last = "no answer";
  const ready = async (): Promise<true | undefined> => {
    const status = await agent.status();
    const waiting = notRunning(status);
    const hub = online ? [`hub ${status.hub.link}`, status.hub.reason ?? ""] : [];
    last = [...waiting, ...hub].filter((text) => text !== "").join(", ");
    if (status.state !== "running" || waiting.length > 0) return undefined;
    return !online || status.hub.link === "online" ? true : undefined;
  };
  try {
    await waitUntil(online ? "the agent to be online" : "the agent", ready, {
      every: 250,
      within: READY_LIMIT_MS,
      signal,
    });
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(`${reasonOf(error)}; last seen: ${last}`, { cause: error });
  }
}
