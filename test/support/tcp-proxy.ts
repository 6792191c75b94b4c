import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A link that can be cut, stalled and slowed, between a client and a server on loopback. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Resets every connection; new ones are refused until `mend`. */
  cut(): void;
  /** Resets every connection once so many more bytes have gone to the server; new ones are let through at once. */
  cutAfter(bytes: number): void;
  /** Lets connections through again. */
  mend(): void;
  /** Keeps connections open but passes no byte in either direction, like a path that lost its route. */
  stall(): void;
  unstall(): void;
  /** Holds every chunk back for this long, in both directions. */
  delay(milliseconds: number): void;
  /** Lets so many bytes a second through, in each direction of each connection; undefined for all there are. */
  throttle(bytesPerSecond: number | undefined): void;
  /** Calls `listener` with the bytes of each chunk on its way to the server; for cuts in the middle of traffic. */
  onUpload(listener: (bytes: number) => void): void;
  /** The same for each chunk that goes on to the client. */
  onDownload(listener: (bytes: number) => void): void;
  /** Connections open now. */
  connections(): number;
}

/** Where connections go on to; a function when the port is known only later. */
export interface ProxyTarget {
  readonly host?: string;
  readonly port: number | (() => number);
}

/** Bytes of one direction that may be held back; beyond it the sender feels that the path is slow. */
const MOST_HELD = 64 * 1024;
/** What a slow path lets through in one piece. */
const SLICE = 1024;

export async function startTcpProxy(target: ProxyTarget): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let refusing = false;
  let stalled = false;
  let delayMs = 0;
  let rate: number | undefined;
  let allowance: number | undefined;
  let uploaded: ((bytes: number) => void) | undefined;
  let downloaded: ((bytes: number) => void) | undefined;

  /** False when the connections are to end before the rest of the chunk. */
  const spend = (chunk: Buffer, to: Socket): boolean => {
    if (allowance === undefined) return true;
    const rest = allowance;
    allowance -= chunk.length;
    if (allowance >= 0) return true;
    allowance = undefined;
    // The part that still goes must reach the server: a reset would take it along.
    if (rest > 0 && to.writable) to.end(chunk.subarray(0, rest));
    for (const pair of pairs) {
      for (const socket of pair) if (socket !== to) socket.resetAndDestroy();
    }
    return false;
  };

  const pipe = (from: Socket, to: Socket, upward: boolean): void => {
    /** In the order they came, each with the time from which it may go. */
    const held: { readonly chunk: Buffer; readonly due: number }[] = [];
    let bytes = 0;
    let timer: NodeJS.Timeout | undefined;
    let lastDue = 0;

    const pass = (chunk: Buffer): void => {
      if (!to.writable || (upward && !spend(chunk, to))) return;
      if (!upward) downloaded?.(chunk.length);
      if (!to.write(chunk)) {
        from.pause();
        to.once("drain", () => stalled || from.resume());
      }
    };
    const release = (): void => {
      timer = undefined;
      for (let first = held[0]; first !== undefined && first.due <= performance.now(); first = held[0]) {
        held.shift();
        bytes -= first.chunk.length;
        pass(first.chunk);
      }
      if (bytes < MOST_HELD && from.isPaused() && !stalled && !to.writableNeedDrain) from.resume();
      if (held[0] !== undefined) timer = setTimeout(release, Math.max(1, held[0].due - performance.now()));
    };
    from.on("data", (chunk: Buffer) => {
      if (upward) uploaded?.(chunk.length);
      if (delayMs === 0 && rate === undefined && held.length === 0) {
        pass(chunk);
        return;
      }
      for (let at = 0; at < chunk.length; at += SLICE) {
        const slice = chunk.subarray(at, at + SLICE);
        const due =
          Math.max(performance.now() + delayMs, lastDue) + (rate === undefined ? 0 : slice.length / rate) * 1000;
        lastDue = due;
        held.push({ chunk: slice, due });
        bytes += slice.length;
      }
      if (bytes > MOST_HELD) from.pause();
      timer ??= setTimeout(release, Math.max(1, (held[0]?.due ?? 0) - performance.now()));
    });
    from.on("close", () => clearTimeout(timer));
  };

  const server = createServer({ noDelay: true }, (client) => {
    if (refusing) {
      client.resetAndDestroy();
      return;
    }
    const port = typeof target.port === "number" ? target.port : target.port();
    const upstream = connect({ host: target.host ?? "127.0.0.1", port, noDelay: true });
    const pair = [client, upstream] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of pair) {
      socket.on("error", end);
      socket.on("close", end);
      if (stalled) socket.pause();
    }
    pipe(client, upstream, true);
    pipe(upstream, client, false);
    if (stalled) for (const socket of pair) socket.pause();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy listens on no port");

  const cut = (): void => {
    refusing = true;
    for (const [client, upstream] of pairs) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
  };
  return {
    port: address.port,
    cut,
    cutAfter: (bytes) => {
      allowance = bytes;
    },
    mend: () => {
      refusing = false;
      allowance = undefined;
    },
    stall: () => {
      stalled = true;
      for (const pair of pairs) for (const socket of pair) socket.pause();
    },
    unstall: () => {
      stalled = false;
      for (const pair of pairs) for (const socket of pair) socket.resume();
    },
    delay: (milliseconds) => {
      delayMs = milliseconds;
    },
    throttle: (bytesPerSecond) => {
      rate = bytesPerSecond;
    },
    onUpload: (listener) => {
      uploaded = listener;
    },
    onDownload: (listener) => {
      downloaded = listener;
    },
    connections: () => pairs.size,
    async [Symbol.asyncDispose]() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
