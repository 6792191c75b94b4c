import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A link that can be cut, stalled and slowed, between a client and a server on loopback. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Resets every connection; new ones are refused until `mend`. */
  cut(): void;
  /** Lets connections through again. */
  mend(): void;
  /** Keeps connections open but passes no byte in either direction, like a path that lost its route. */
  stall(): void;
  unstall(): void;
  /** Holds every chunk back for this long, in both directions. */
  delay(milliseconds: number): void;
  /** Calls `listener` with the bytes of each chunk on its way to the server; for cuts in the middle of traffic. */
  onUpload(listener: (bytes: number) => void): void;
  /** Connections open now. */
  connections(): number;
}

/** Where connections go on to; a function when the port is known only later. */
export interface ProxyTarget {
  readonly host?: string;
  readonly port: number | (() => number);
}

export async function startTcpProxy(target: ProxyTarget): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let refusing = false;
  let stalled = false;
  let delayMs = 0;
  let uploaded: ((bytes: number) => void) | undefined;

  const pipe = (from: Socket, to: Socket, upward: boolean): void => {
    from.on("data", (chunk: Buffer) => {
      const pass = (): void => {
        if (!to.writable) return;
        if (!to.write(chunk)) {
          from.pause();
          to.once("drain", () => stalled || from.resume());
        }
      };
      // Timers of equal length fire in order, so that a delayed stream stays a stream.
      if (delayMs > 0) setTimeout(pass, delayMs);
      else pass();
      if (upward) uploaded?.(chunk.length);
    });
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
    mend: () => {
      refusing = false;
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
    onUpload: (listener) => {
      uploaded = listener;
    },
    connections: () => pairs.size,
    async [Symbol.asyncDispose]() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
