import type { Socket } from "node:net";
import type { Clock, Millis } from "#provider";
import { BackendError } from "../backend.ts";
import { refusedBy } from "./refused-by.ts";
import { ProtocolError, Refusal, ReplyParser, encodeCommand, type Argument, type Reply } from "./resp.ts";

export interface ConnectionLimits {
  /** For the answer to one command. */
  readonly timeout: Millis;
  /** Commands that may wait for their answers. */
  readonly maxInflight: number;
  /** Larger values are not taken from the server. */
  readonly maxValue: number;
}

/** One connection. When it ends, or the server leaves a command unanswered, everything that waits fails. */
export interface RedisConnection extends AsyncDisposable {
  /** @throws BackendError, with the server's refusal as its cause where it is one */
  command(args: readonly Argument[]): Promise<Reply>;
  /** Resolves when the connection has ended, with the reason. */
  readonly closed: Promise<BackendError>;
}

interface Waiting {
  readonly deadline: Millis;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: BackendError) => void;
}

/** What may wait to be sent, so that a slow server does not fill the memory. One command alone may have more. */
const MAX_UNSENT = 8 * 1024 * 1024;

export function talkRedis(
  socket: Socket,
  { timeout, maxInflight, maxValue }: ConnectionLimits,
  clock: Clock,
): RedisConnection {
  const waiting: Waiting[] = [];
  const closed = Promise.withResolvers<BackendError>();
  const stopped = new AbortController();
  let ended: BackendError | undefined;
  let watching = false;

  const end = (reason: BackendError): void => {
    if (ended !== undefined) return;
    ended = reason;
    stopped.abort();
    socket.destroy();
    for (const { reject } of waiting.splice(0)) reject(reason);
    closed.resolve(reason);
  };

  const onReply = (reply: Reply): void => {
    const first = waiting.shift();
    // Redis says nothing by itself to a client that has subscribed to nothing.
    if (first === undefined) end(new BackendError("unavailable", "the server answers what nobody asked"));
    else first.resolve(reply);
  };
  const parser = new ReplyParser(onReply, maxValue);

  socket.on("data", (chunk: Buffer) => {
    try {
      parser.push(chunk);
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) throw cause;
      end(new BackendError("unavailable", `the server cannot be understood: ${cause.message}`, { cause }));
    }
  });
  socket.on("error", (cause) =>
    end(new BackendError("unavailable", `the connection failed: ${cause.message}`, { cause })),
  );
  socket.on("close", () => end(new BackendError("unavailable", "the server closed the connection")));

  /** Answers come in order: when the oldest command has none in time, nothing after it has one either. */
  const watch = async (): Promise<void> => {
    watching = true;
    for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
      const left = first.deadline - clock.monotonic();
      if (left <= 0) return end(new BackendError("timeout", "the server does not answer"));
      // It rejects when the connection has ended.
      await clock.sleep(left as Millis, stopped.signal).catch(() => {});
    }
    watching = false;
  };

  return {
    closed: closed.promise,
    async command(args) {
      if (ended !== undefined) throw ended;
      if (waiting.length >= maxInflight) throw new BackendError("busy", `${maxInflight} calls wait for the server`);
      const bytes = encodeCommand(args);
      if (socket.writableLength > 0 && socket.writableLength + bytes.length > MAX_UNSENT) {
        throw new BackendError("busy", "too much waits to be sent to the server");
      }
      const { promise, resolve, reject } = Promise.withResolvers<Reply>();
      waiting.push({ deadline: (clock.monotonic() + timeout) as Millis, resolve, reject });
      socket.write(bytes);
      if (!watching) void watch();
      const reply = await promise;
      if (reply instanceof Refusal) throw refusedBy(reply);
      return reply;
    },
    async [Symbol.asyncDispose]() {
      end(new BackendError("unavailable", "the connection is closed"));
      await closed.promise;
    },
  };
}
