// `petiole dev` as a process, its events as they come.

import { cp, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { DevEvent } from "../../src/toolchain/dev/events.ts";
import { askSession } from "../../src/toolchain/dev/dev-socket.ts";
import { PETIOLE } from "./agent.ts";
import { spawnProcess, tempFolder } from "./processes.ts";
import { waitFor } from "./wait-for.ts";

/** Of a start, with a component that has to be made first, on a machine that is busy with other things too. */
const START_LIMIT_MS = 240_000;
const EVENT_LIMIT_MS = 180_000;

export interface TestProject extends AsyncDisposable {
  readonly folder: string;
}

/** A copy of a project of test/fixtures/projects, to be changed. */
export async function copyProject(name: string): Promise<TestProject> {
  const temp = await tempFolder();
  const folder = join(temp.path, name);
  await cp(resolve(import.meta.dirname, "..", "fixtures", "projects", name), folder, { recursive: true });
  return { folder, [Symbol.asyncDispose]: () => temp[Symbol.asyncDispose]() };
}

type EventOf<K extends DevEvent["kind"]> = Extract<DevEvent, { kind: K }>;

export interface TestDev extends AsyncDisposable {
  readonly pid: number;
  readonly pointer: { readonly socket: string; readonly agent: string };
  /** The next event of a kind that fits, after the one of this kind that was found last. */
  next<K extends DevEvent["kind"]>(kind: K, fits?: (event: EventOf<K>) => boolean): Promise<EventOf<K>>;
  /** Has a command carried out, as `petiole dev send` does. */
  send(command: string): Promise<string>;
  /** Ends it as Ctrl-C does, and resolves with the exit code. */
  stop(): Promise<number | null>;
}

export async function startDev(folder: string): Promise<TestDev> {
  const child = await spawnProcess(PETIOLE, ["dev", "--dir", folder, "--json"]);
  /** Up to where events of a kind were read: those of other kinds may come before or after. */
  const read = new Map<DevEvent["kind"], number>();
  let started = 0;
  const events = (): DevEvent[] =>
    child
      .output()
      .split("\n")
      .slice(0, -1)
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as DevEvent);
  const next: TestDev["next"] = async (kind, fits = () => true) => {
    const limit = kind === "ready" ? START_LIMIT_MS : EVENT_LIMIT_MS;
    const find = (): DevEvent | undefined => {
      const all = events();
      // The kind is looked at first.
      const from = read.get(kind) ?? started;
      const at = all.findIndex((event, index) => index >= from && event.kind === kind && fits(event as never));
      if (at >= 0) read.set(kind, at + 1);
      return at >= 0 ? all[at] : undefined;
    };
    try {
      return (await waitFor(`the event "${kind}"`, () => find() ?? ended(), limit)) as never;
    } catch (cause) {
      throw new Error(`petiole dev told of no "${kind}":\n${child.output().slice(-4000)}`, { cause });
    }
  };
  const ended = (): undefined => {
    if (child.child.exitCode !== null) throw new Error(`it ended with ${child.child.exitCode}`);
  };
  try {
    await next("ready");
    started = read.get("ready") ?? 0;
    const pointer = JSON.parse(await readFile(join(folder, ".petiole", "dev.json"), "utf8")) as TestDev["pointer"];
    return {
      pid: child.pid,
      pointer,
      next,
      send: async (command) => await askSession(folder, command),
      async stop() {
        child.signal("SIGINT");
        return (await child.exited).code;
      },
      [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
    };
  } catch (error) {
    await child[Symbol.asyncDispose]();
    throw error;
  }
}
