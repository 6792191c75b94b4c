import { once } from "node:events";
import { lstat, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { PetioleError, isErrno, millis, type Logger, reasonOf } from "#provider";
import type { SimulatedChip } from "./simulated.ts";

const MAX_CLIENTS = 16;
const MAX_COMMAND = 256;
const MAX_UNREAD = 64 * 1024;

/**
 * Lets somebody outside play the hardware of a simulated chip: commands and answers are lines of text, and voltages
 * are 0 and 1. See the provider's README for the commands.
 * @throws PetioleError ERR_PROVIDER_START
 */
export async function openControlSocket(path: string, chip: SimulatedChip, log: Logger): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>();
  const stopping = new AbortController();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", (err) => log.debug("Control client of the simulated chip failed", { err }));
    socket.on("close", () => sockets.delete(socket));
    serve(socket, chip, stopping.signal);
  });
  server.maxConnections = MAX_CLIENTS;
  // One that cannot be accepted, for lack of descriptors for example.
  server.on("error", (err) => log.debug("Control socket of the simulated chip failed", { err }));
  try {
    await removeStale(path);
    server.listen(path);
    await once(server, "listening");
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new PetioleError("ERR_PROVIDER_START", `Cannot open the control socket "${path}": ${reason}`, { cause });
  }
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error("the chip is closed"));
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Removes the socket of an agent that did not end in order, and nothing else. */
async function removeStale(path: string): Promise<void> {
  try {
    if ((await lstat(path)).isSocket()) await rm(path);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}

function serve(socket: Socket, chip: SimulatedChip, signal: AbortSignal): void {
  let rest = "";
  let watching: Disposable | undefined;
  const say = (line: string): void => {
    // Whoever watches and does not read is cut off.
    if (socket.writableLength > MAX_UNREAD) socket.destroy();
    else socket.write(`${line}\n`);
  };
  const watch = (): void => {
    watching ??= chip.onChange((line, high) => say(`change ${line} ${digit(high)}`));
  };
  // A client that says no more may still listen.
  socket.on("close", () => watching?.[Symbol.dispose]());
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) say(answer(line, chip, watch, signal));
    if (rest.length > MAX_COMMAND) {
      say("error the command is too long");
      socket.end();
    }
  });
}

function answer(line: string, chip: SimulatedChip, watch: () => void, signal: AbortSignal): string {
  try {
    return execute(line.trim().split(/\s+/), chip, watch, signal);
  } catch (error) {
    return `error ${reasonOf(error)}`;
  }
}

function execute(words: readonly string[], chip: SimulatedChip, watch: () => void, signal: AbortSignal): string {
  const [command = "", first = "", second = ""] = words;
  const line = Number(first);
  switch (command) {
    case "set":
      if (!isLine(first) || !/^[01]$/.test(second) || words.length !== 3) return "error want: set <line> <0|1>";
      chip.drive(line, second === "1");
      return "ok";
    case "release":
      if (!isLine(first) || words.length !== 2) return "error want: release <line>";
      chip.drive(line, undefined);
      return "ok";
    case "get":
      if (!isLine(first) || words.length !== 2) return "error want: get <line>";
      return `value ${line} ${digit(chip.voltage(line))}`;
    case "pulse": {
      if (!isLine(first) || !/^\d{1,6}$/.test(second) || words.length !== 3) {
        return "error want: pulse <line> <milliseconds>";
      }
      const high = !chip.voltage(line);
      chip.drive(line, high);
      // Fails only when the line became an output meanwhile, or the chip is closed.
      chip.play([{ after: millis(Number(second)), line, high: !high }], signal).catch(() => {});
      return "ok";
    }
    case "unplug":
    case "plug":
      if (words.length !== 1) return `error want: ${command}`;
      chip.plug(command === "plug");
      return "ok";
    case "watch":
      watch();
      return "ok";
    default:
      return "error want: set, release, get, pulse, plug, unplug or watch";
  }
}

const isLine = (text: string): boolean => /^\d{1,4}$/.test(text);
const digit = (high: boolean): string => (high ? "1" : "0");
