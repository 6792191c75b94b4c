// Memory of the agent that has settled: with nothing to do, and with five components that work.

import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { startNats } from "../../test/support/nats.ts";
import { spawnProcess, tempFolder } from "../../test/support/processes.ts";
import { waitFor } from "../../test/support/wait-for.ts";
import { median, type Report } from "../frame.ts";
import { startAgent, type MeasuredAgent } from "./agent.ts";
import { COMPONENTS, fiveComponents } from "./device.ts";
import { childrenOf, processMemory, type ProcessMemory } from "./process-account.ts";

const ROUNDS = 3;
const MEGABYTE = 1024 ** 2;
/** The agent gives back what its start took when it has been quiet for some seconds. */
const SETTLING_MS = 12_000;
const CALLS = 30;

interface Weighed {
  readonly own: ProcessMemory;
  readonly children: readonly ProcessMemory[];
}

export async function reportMemory(report: Report, program: string): Promise<void> {
  await using hub = await startNats({ jetstream: true });
  const direct = { hub: { mode: "direct", urls: [hub.url], stream: { create: true } } };
  const bare = await rounds(weighBare);
  const say = (name: string, found: readonly Weighed[], atMost?: number): void => {
    const of = (pick: (memory: ProcessMemory) => number): number =>
      median(found.map(({ own, children }) => pick(own) + sum(children.map(pick)))) / MEGABYTE;
    const base = median(bare.map(({ own }) => own.anonymous)) / MEGABYTE;
    const anonymous = of((memory) => memory.anonymous);
    report({
      name: `${name}: anonymous`,
      value: anonymous,
      unit: "MB",
      ...(found !== bare && { ratio: anonymous / base }),
      ...(atMost !== undefined && { goal: { of: "value", atMost } as const }),
    });
    report({ name: `${name}: resident`, value: of((memory) => memory.resident), unit: "MB" });
    report({ name: `${name}: proportional`, value: of((memory) => memory.proportional), unit: "MB" });
    const processes = median(found.map(({ children }) => children.length));
    if (processes > 0) report({ name: `${name}: child processes in it`, value: processes, unit: "" });
  };
  say("bare Node", bare);
  say("idle, no hub", await rounds(() => weighAgent(program, {}, idle)), 30);
  say("idle, hub in direct mode", await rounds(() => weighAgent(program, direct, idle)), 30);
  say("five components, no hub", await rounds(() => weighAgent(program, {}, busy)), 60);
  say("five components, hub in direct mode", await rounds(() => weighAgent(program, direct, busy)), 60);
}

async function rounds(weigh: () => Promise<Weighed>): Promise<readonly Weighed[]> {
  const found: Weighed[] = [];
  for (let round = 0; round < ROUNDS; round += 1) found.push(await weigh());
  return found;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

async function weighBare(): Promise<Weighed> {
  await using node = await spawnProcess(process.execPath, ["-e", "setInterval(() => {}, 1e6); console.log('up')"]);
  await waitFor("Node to be up", () => node.output().includes("up"));
  await setTimeout(2500);
  return { own: processMemory(node.pid), children: [] };
}

interface Work {
  readonly config: (folder: string) => Readonly<Record<string, unknown>>;
  /** Resolves when enough was done. */
  readonly until: (agent: MeasuredAgent, folder: string) => Promise<void>;
}

const idle: Work = { config: () => ({}), until: async () => {} };
const busy: Work = {
  config: (folder) => fiveComponents(controlSocket(folder)),
  until: async (agent, folder) => {
    const pressing = new AbortController();
    const pressed = press(controlSocket(folder), pressing.signal);
    await waitFor(
      "the components to have been called",
      async () => {
        const { components } = await agent.status();
        const lazy = COMPONENTS.filter((id) => (components.find((one) => one.id === id)?.calls ?? 0) < CALLS);
        if (lazy.length > 0) throw new Error(`still to be called: ${lazy.join(", ")}`);
        return true;
      },
      120_000,
    );
    pressing.abort();
    await pressed;
    const { components } = await agent.status();
    const failed = components.filter(({ failures }) => failures > 0);
    if (failed.length > 0) throw new Error(`Components failed: ${failed.map(({ id }) => id).join(", ")}`);
  },
};
const controlSocket = (folder: string): string => join(folder, "chip.sock");

async function weighAgent(program: string, link: Readonly<Record<string, unknown>>, work: Work): Promise<Weighed> {
  await using folder = await tempFolder();
  await mkdir(join(folder.path, "run"));
  const config = { ...link, ...work.config(folder.path) };
  {
    // What is made of the components is kept, with their machine code after some calls.
    await using first = await startAgent([program], folder.path, config);
    await work.until(first, folder.path);
  }
  await using agent = await startAgent([program], folder.path, config);
  await work.until(agent, folder.path);
  await setTimeout(SETTLING_MS);
  return { own: processMemory(agent.pid), children: childrenOf(agent.pid).map(processMemory) };
}

/** Presses the button of the simulated chip again and again. */
async function press(path: string, signal: AbortSignal): Promise<void> {
  const socket = connect(path);
  await once(socket, "connect");
  socket.resume();
  for (let level = 1; !signal.aborted; level = 1 - level) {
    socket.write(`set 17 ${level}\n`);
    await setTimeout(50);
  }
  socket.destroy();
}
