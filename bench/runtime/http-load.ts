// Keeps connections busy with one request after another, as wrk does, and takes as little of the machine as it can: the
// server under test shares its cores.

import { once } from "node:events";
import { connect } from "node:net";

const REQUEST = Buffer.from("GET /hello?x=1 HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\nuser-agent: bench\r\n\r\n");
const HEAD_END = Buffer.from("\r\n\r\n");
const BUFFER_SIZE = 16_384;

export interface Load {
  readonly port: number;
  readonly connections: number;
  readonly milliseconds: number;
}

export interface HttpFigures {
  /** Requests answered a second. */
  readonly rate: number;
  /** Milliseconds that each took. */
  readonly times: readonly number[];
}

/**
 * @throws Error when an answer is not "200 OK" with a content-length, or not as long as the ones before
 */
export async function measureHttp({ port, connections, milliseconds }: Load): Promise<HttpFigures> {
  const deadline = performance.now() + milliseconds;
  const started = performance.now();
  const times = (await Promise.all(Array.from({ length: connections }, () => drive(port, deadline)))).flat();
  return { rate: times.length / ((performance.now() - started) / 1000), times };
}

async function drive(port: number, deadline: number): Promise<number[]> {
  const { promise, resolve, reject } = Promise.withResolvers<number[]>();
  const buffer = Buffer.alloc(BUFFER_SIZE);
  const times: number[] = [];
  let began = 0;
  let pending: Buffer = Buffer.alloc(0);
  let usual: number | undefined;

  function take(size: number): void {
    if (pending.length === 0 && size === usual && isOk(buffer)) {
      next();
      return;
    }
    pending = Buffer.concat([pending, buffer.subarray(0, size)]);
    const length = answerLength(pending);
    if (length === undefined || pending.length < length) return;
    // Not a number is equal to nothing.
    if (pending.length !== length || length !== (usual ?? length)) {
      reject(new Error(`The server answered: ${pending.toString("latin1", 0, 500)}`));
      return;
    }
    usual = length;
    pending = Buffer.alloc(0);
    next();
  }

  function next(): void {
    const now = performance.now();
    times.push(now - began);
    if (now < deadline) ask(now);
    else resolve(times);
  }

  function ask(now: number): void {
    began = now;
    socket.write(REQUEST);
  }

  const onread = {
    buffer,
    callback: (size: number) => {
      take(size);
      return true;
    },
  };
  const socket = connect({ port, host: "127.0.0.1", noDelay: true, onread });
  socket.on("error", reject);
  socket.on("end", () => reject(new Error("The server closed a connection")));
  try {
    await Promise.race([once(socket, "connect"), promise]);
    ask(performance.now());
    return await promise;
  } finally {
    socket.destroy();
  }
}

/** "HTTP/1.1 200": the first digit tells. */
function isOk(answer: Buffer): boolean {
  return answer[9] === 0x32;
}

/** Of the answer at the start of `bytes`; undefined when its head is not complete, NaN when it is no good one. */
function answerLength(bytes: Buffer): number | undefined {
  const head = bytes.indexOf(HEAD_END);
  if (head < 0) return undefined;
  const text = bytes.toString("latin1", 0, head);
  const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
  if (!text.startsWith("HTTP/1.1 200")) return Number.NaN;
  return head + HEAD_END.length + Number(length);
}
