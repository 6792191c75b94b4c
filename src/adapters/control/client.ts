import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { PetioleError, isPetioleError } from "../../domain/errors.ts";
import { seconds, type Millis } from "../../domain/units.ts";
import { parseReply, type ControlOperation, type ControlOperations } from "./protocol.ts";

/**
 * Asks a running agent over its control socket.
 * @throws PetioleError ERR_CONTROL_UNREACHABLE when no agent answers in time, ERR_CONTROL_PROTOCOL
 */
export async function askAgent<K extends ControlOperation>(
  path: string,
  operation: K,
  timeout: Millis = seconds(5),
): Promise<ControlOperations[K]> {
  const signal = AbortSignal.timeout(timeout);
  const socket = connect(path);
  try {
    await once(socket, "connect", { signal });
    socket.write(`${JSON.stringify({ op: operation })}\n`);
    const lines = createInterface({ input: socket, crlfDelay: Infinity });
    const [line] = (await once(lines, "line", { signal })) as [string];
    // The agent and this client are of one version and share the protocol's types.
    return parseReply(line) as ControlOperations[K];
  } catch (cause) {
    if (isPetioleError(cause)) throw cause;
    const reason = signal.aborted
      ? `no answer within ${timeout} ms`
      : cause instanceof Error
        ? cause.message
        : String(cause);
    throw new PetioleError("ERR_CONTROL_UNREACHABLE", `Cannot reach an agent at "${path}": ${reason}`, { cause });
  } finally {
    socket.destroy();
  }
}
