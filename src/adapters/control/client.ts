import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { PetioleError, isPetioleError } from "../../domain/errors.ts";
import { seconds, type Millis } from "../../domain/units.ts";
import { reasonOf } from "../../lib/reason.ts";
import { parseReply, type ControlOperation, type ParamsOf, type ProgressOf, type ValueOf } from "./protocol.ts";

export interface AskOptions<K extends ControlOperation> {
  readonly params?: ParamsOf<K>;
  readonly onProgress?: (progress: ProgressOf<K>) => void;
  /** How long the agent may say nothing. */
  readonly timeout?: Millis;
}

/**
 * Asks a running agent over its control socket. The agent gives up an operation whose asker went away, as far as it can.
 * @throws PetioleError ERR_CONTROL_UNREACHABLE when no agent answers in time, ERR_CONTROL_PROTOCOL, or what the agent
 *   answered with
 */
export async function askAgent<K extends ControlOperation>(
  path: string,
  operation: K,
  options: AskOptions<K> = {},
): Promise<ValueOf<K>> {
  const { params, onProgress, timeout = seconds(5) } = options;
  const socket = connect(path);
  const silence = watchSilence(socket, timeout);
  try {
    await once(socket, "connect");
    socket.write(`${JSON.stringify({ op: operation, params })}\n`);
    for await (const line of createInterface({ input: socket, crlfDelay: Infinity })) {
      silence.heard();
      const reply = parseReply(line);
      // The agent and this client are of one version and share the protocol's types.
      if ("value" in reply) return reply.value as ValueOf<K>;
      onProgress?.(reply.progress as ProgressOf<K>);
    }
    if (socket.errored !== null) throw socket.errored;
    throw new Error("it closed the connection without an answer");
  } catch (cause) {
    if (isPetioleError(cause)) throw cause;
    throw new PetioleError("ERR_CONTROL_UNREACHABLE", `Cannot reach an agent at "${path}": ${reasonOf(cause)}`, {
      cause,
    });
  } finally {
    silence[Symbol.dispose]();
    socket.destroy();
  }
}

/** Ends the connection when nothing was heard for so long. */
function watchSilence(socket: Socket, timeout: Millis): Disposable & { heard(): void } {
  const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${timeout} ms`)), timeout);
  return { heard: () => void timer.refresh(), [Symbol.dispose]: () => clearTimeout(timer) };
}
