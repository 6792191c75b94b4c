// Keeps connections busy with one request after another, as wrk does.

import { once } from "node:events";
import { connect, type Socket } from "node:net";

const REQUEST = Buffer.from("GET /hello?x=1 HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\nuser-agent: bench\r\n\r\n");
const HEAD_END = Buffer.from("\r\n\r\n");

export interface Load {
  readonly port: number;
  readonly connections: number;
  readonly milliseconds: number;
}

/**
 * Requests answered a second.
 * @throws Error when an answer is not "200 OK" with a content-length
 */
export async function measureHttp({ port, connections, milliseconds }: Load): Promise<number> {
  const deadline = performance.now() + milliseconds;
  const started = performance.now();
  const counts = await Promise.all(Array.from({ length: connections }, () => drive(port, deadline)));
  return counts.reduce((sum, count) => sum + count, 0) / ((performance.now() - started) / 1000);
}

async function drive(port: number, deadline: number): Promise<number> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  try {
    return await exchange(socket, deadline);
  } finally {
    socket.destroy();
  }
}

function exchange(socket: Socket, deadline: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let count = 0;
  let pending: Buffer = Buffer.alloc(0);
  socket.on("error", reject);
  socket.on("end", () => reject(new Error("The server closed a connection")));
  socket.on("data", (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    const end = answerEnd(pending);
    if (end === undefined) return;
    if (end < 0 || pending.length > end) {
      reject(new Error(`The server answered: ${pending.toString("latin1", 0, 500)}`));
      return;
    }
    pending = Buffer.alloc(0);
    count++;
    if (performance.now() < deadline) socket.write(REQUEST);
    else resolve(count);
  });
  socket.write(REQUEST);
  return promise;
}

/** Where the answer at the start of `bytes` ends; undefined when more has to come, negative when it is no good one. */
function answerEnd(bytes: Buffer): number | undefined {
  const head = bytes.indexOf(HEAD_END);
  if (head < 0) return undefined;
  const text = bytes.toString("latin1", 0, head);
  const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
  if (!text.startsWith("HTTP/1.1 200") || length === undefined) return -1;
  const end = head + HEAD_END.length + Number(length);
  return bytes.length < end ? undefined : end;
}
