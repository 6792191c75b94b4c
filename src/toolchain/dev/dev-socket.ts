// A running `petiole dev` takes commands from other terminals and from scripts: one JSON object a line, and its answer.

import { once } from "node:events";
import { mkdir, readFile, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";
import { PetioleError, isErrorCode, isPetioleError } from "../../domain/errors.ts";
import { writeFileAtomic } from "../../lib/files.ts";
import { reasonOf } from "../../lib/reason.ts";
import { isAnswering } from "../../lib/unix-socket.ts";

const MAX_CLIENTS = 16;
const MAX_COMMAND = 64 * 1024;
const ANSWER_LIMIT_MS = 60_000;

const pointerSchema = z.object({ pid: z.int(), socket: z.string(), agent: z.string() });
/** Where a project says that it is being developed. */
export type Pointer = z.infer<typeof pointerSchema>;

const answerSchema = z.union([
  z.object({ ok: z.literal(true), text: z.string() }),
  z.object({ ok: z.literal(false), code: z.string(), message: z.string() }),
]);

export const pointerFile = (folder: string): string => join(folder, ".petiole", "dev.json");

/** Of the session that runs in this project; undefined when none answers. */
export async function readPointer(folder: string): Promise<Pointer | undefined> {
  try {
    const pointer = pointerSchema.parse(JSON.parse(await readFile(pointerFile(folder), "utf8")));
    return (await isAnswering(pointer.socket)) ? pointer : undefined;
  } catch {
    return undefined;
  }
}

export interface DevSocketDeps {
  readonly folder: string;
  readonly socket: string;
  readonly agent: string;
  readonly run: (line: string) => Promise<string>;
}

/** @throws PetioleError ERR_DEV_RUNNING when somebody else develops the project */
export async function openDevSocket({ folder, socket: path, agent, run }: DevSocketDeps): Promise<AsyncDisposable> {
  const other = await readPointer(folder);
  if (other !== undefined) {
    throw new PetioleError("ERR_DEV_RUNNING", `Cannot develop "${folder}": process ${other.pid} does so already`);
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    void serve(socket, run);
  });
  server.maxConnections = MAX_CLIENTS;
  server.listen(path);
  await once(server, "listening");
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => {
    const closed = once(server, "close");
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  stack.defer(() => rm(pointerFile(folder), { force: true }));
  try {
    await mkdir(dirname(pointerFile(folder)), { recursive: true });
    // What is in this folder is for nobody else.
    await writeFileAtomic(join(dirname(pointerFile(folder)), ".gitignore"), "*\n", 0o644);
    const pointer: Pointer = { pid: process.pid, socket: path, agent };
    await writeFileAtomic(pointerFile(folder), `${JSON.stringify(pointer)}\n`, 0o644);
  } catch (cause) {
    throw new PetioleError(
      "ERR_PROJECT_INVALID",
      `Cannot write to "${dirname(pointerFile(folder))}": ${reasonOf(cause)}`,
      {
        cause,
      },
    );
  }
  return stack.move();
}

async function serve(socket: Socket, run: DevSocketDeps["run"]): Promise<void> {
  let read = 0;
  socket.on("data", (chunk: Buffer) => {
    read += chunk.length;
    if (read > MAX_COMMAND) socket.destroy();
  });
  const say = (answer: z.infer<typeof answerSchema>): void => void socket.write(`${JSON.stringify(answer)}\n`);
  try {
    for await (const line of createInterface({ input: socket, crlfDelay: Infinity })) {
      read = 0;
      try {
        const { command } = z.object({ command: z.string() }).parse(JSON.parse(line));
        say({ ok: true, text: await run(command) });
      } catch (error) {
        const code = isPetioleError(error) ? error.code : "ERR_DEV_COMMAND";
        say({ ok: false, code, message: reasonOf(error) });
      }
    }
  } catch {
    // The client went away.
  }
}

/**
 * Has the session of a project carry out a command.
 * @throws PetioleError ERR_CONTROL_UNREACHABLE without one, ERR_CONTROL_PROTOCOL, and what the command failed with
 */
export async function askSession(folder: string, command: string): Promise<string> {
  const pointer = await readPointer(folder);
  if (pointer === undefined) {
    throw new PetioleError(
      "ERR_CONTROL_UNREACHABLE",
      `Cannot reach a session of "${folder}": petiole dev does not run there`,
    );
  }
  const socket = connect(pointer.socket);
  socket.setTimeout(ANSWER_LIMIT_MS, () => socket.destroy(new Error("no answer")));
  try {
    socket.write(`${JSON.stringify({ command })}\n`);
    for await (const line of createInterface({ input: socket, crlfDelay: Infinity })) {
      const answer = answerSchema.parse(JSON.parse(line));
      if (answer.ok) return answer.text;
      throw new PetioleError(isErrorCode(answer.code) ? answer.code : "ERR_DEV_COMMAND", answer.message);
    }
    throw new Error("it closed the connection");
  } catch (cause) {
    if (isPetioleError(cause)) throw cause;
    throw new PetioleError("ERR_CONTROL_UNREACHABLE", `Cannot reach the session of "${folder}": ${reasonOf(cause)}`, {
      cause,
    });
  } finally {
    socket.destroy();
  }
}
