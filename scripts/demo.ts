// npm run demo: a hub, a device with three sensors, and a link that is cut and mended. At the end the hub's stream is
// compared with what the sensors sent.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { LAUNCHER, lastLines } from "./demo/agent.ts";
import { parseOptions, USAGE, type DemoOptions } from "./demo/options.ts";
import { createScreen, type Screen } from "./demo/screen.ts";
import { buildStage, type BuiltStage } from "./demo/stage.ts";
import { play } from "./demo/story.ts";
import { reasonOf } from "../src/lib/reason.ts";

const LOG_LINES = 15;
const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

class Interrupted extends Error {
  override readonly name = "Interrupted";
}

const code = await main(process.argv.slice(2));
// Something that was interrupted may still be under way, such as obtaining a nats-server; it is not waited for.
if (code === EXIT.interrupted) process.exit(code);
process.exitCode = code;

async function main(args: readonly string[]): Promise<number> {
  let options: DemoOptions | undefined;
  try {
    options = parseOptions(args);
  } catch (error) {
    console.error(`${reasonOf(error)}\n\n${USAGE}`);
    return EXIT.usage;
  }
  if (options === undefined) {
    console.log(USAGE);
    return EXIT.ok;
  }

  const interrupt = new AbortController();
  // npm passes Ctrl-C on a second time: any further one is taken for the same.
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => interrupt.abort(new Interrupted(`Ended by ${name}`)));
  }
  // Whoever reads the output may go away first, as `head` does; then the rest is for nobody, but cleaned up.
  process.stdout.on("error", (cause) => interrupt.abort(new Interrupted("Nobody reads the output", { cause })));
  const screen = createScreen(process.stdout);
  const folder = await mkdtemp(join(tmpdir(), "petiole-demo-"));
  const logFile = join(folder, "agent.log");
  try {
    const ok = await perform(options, { screen, folder, logFile, signal: interrupt.signal });
    if (!ok) await explain(logFile);
    else await rm(folder, { recursive: true, force: true });
    return ok ? EXIT.ok : EXIT.failed;
  } catch (error) {
    // Whatever failed then failed because of it.
    if (interrupt.signal.aborted) {
      screen.note(reasonOf(interrupt.signal.reason));
      await rm(folder, { recursive: true, force: true });
      return EXIT.interrupted;
    }
    screen.verdict(false, reasonOf(error));
    await explain(logFile);
    return EXIT.failed;
  }
}

interface Scene {
  readonly screen: Screen;
  readonly folder: string;
  readonly logFile: string;
  readonly signal: AbortSignal;
}

async function perform(options: DemoOptions, scene: Scene): Promise<boolean> {
  const { screen, signal } = scene;
  screen.heading("petiole demo");
  await screen.task(
    "Example components",
    () => buildExamples(signal),
    () => "built",
  );
  await using stage = await buildStage({ ...scene, seconds: options.seconds });
  const ended = AbortSignal.any([signal, stage.agent.ended]);
  const ok = await play(stage, { screen, seconds: options.seconds, signal: ended });
  if (options.keep) await keep(stage, scene, ended);
  return ok;
}

/** Keeps everything running until Ctrl-C, which is then a regular end. */
async function keep(stage: BuiltStage, { screen, logFile }: Scene, signal: AbortSignal): Promise<void> {
  const command = relative(process.cwd(), LAUNCHER);
  screen.heading("Everything keeps running until Ctrl-C");
  screen.note(`status:    ${command.startsWith(".") ? command : `./${command}`} status --config ${stage.configFile}`);
  screen.note(`hub:       ${stage.hubUrl}`);
  screen.note(`leaf:      ${stage.leafUrl}`);
  screen.note(`agent log: ${logFile}`);
  // Nothing else need keep the process alive.
  const alive = setInterval(() => {}, 60_000);
  if (!signal.aborted) await once(signal, "abort");
  clearInterval(alive);
  if (!(signal.reason instanceof Interrupted)) throw signal.reason;
}

async function buildExamples(signal: AbortSignal): Promise<void> {
  const script = fileURLToPath(new URL("build-examples.ts", import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "pipe"], signal });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => output.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", (error) => reject(signal.aborted ? signal.reason : error));
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`Cannot build the examples:\n${Buffer.concat(output).toString()}`);
}

async function explain(logFile: string): Promise<void> {
  const lines = await lastLines(logFile, LOG_LINES);
  console.error(`\nThe agent's log is ${logFile}; it ends with:\n${lines.map((line) => `  ${line}`).join("\n")}`);
}
