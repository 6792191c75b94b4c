import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { setTimeout } from "node:timers";
import type { Logger } from "../../lib/log.ts";
import { reasonOf } from "../../lib/reason.ts";
import type { ListenAddress, PasswordLogin } from "./leaf-config.ts";

export interface ProcessRelayOptions {
  /** The local nats-server. */
  readonly target: ListenAddress;
  readonly login: PasswordLogin;
  readonly log: Logger;
}

/**
 * A way into the local nats-server for the processes of providers. Those know no way to log in but a JWT, which a server
 * without an operator does not look at; so they connect here without any, and get the login on the way. Whoever runs as
 * another user than the agent is turned away.
 */
export interface ProcessRelay extends AsyncDisposable {
  /** Listens from the first call on. */
  url(): Promise<string>;
}

const MOST_CONNECTIONS = 1024;
/** A client says who it is in its first line. */
const MOST_GREETING = 64 * 1024;
const GREETING_LIMIT_MS = 10_000;
const LOOPBACK = "127.0.0.1";
const CONNECT = "CONNECT ";

export function createProcessRelay({ target, login, log }: ProcessRelayOptions): ProcessRelay {
  const sockets = new Set<Socket>();
  let listening: Promise<Server> | undefined;

  async function listen(): Promise<Server> {
    const server = createServer({ noDelay: true }, (client) => void take(client, server));
    server.maxConnections = MOST_CONNECTIONS;
    server.listen(0, LOOPBACK);
    await once(server, "listening");
    return server;
  }

  const keep = (socket: Socket): void => {
    sockets.add(socket);
    // What broke off is the matter of whoever connects again.
    socket.on("error", () => {}).once("close", () => sockets.delete(socket));
  };

  async function take(client: Socket, server: Server): Promise<void> {
    keep(client);
    const { port } = server.address() as AddressInfo;
    const user = await userOf(client.remotePort ?? 0, port).catch(() => undefined);
    if (user === undefined || user !== process.getuid?.()) {
      log.warn("Somebody else than a provider wanted to log in as one", { user });
      client.destroy();
      return;
    }
    const upstream = connect({ host: target.host, port: target.port, noDelay: true });
    keep(upstream);
    client.once("close", () => upstream.destroy());
    upstream.once("close", () => client.destroy());
    upstream.pipe(client);
    const limit = setTimeout(() => client.destroy(), GREETING_LIMIT_MS);
    limit.unref();
    let greeting = Buffer.alloc(0);
    const hear = (chunk: Buffer): void => {
      greeting = Buffer.concat([greeting, chunk]);
      const end = greeting.indexOf("\r\n");
      if (end < 0 && greeting.length < MOST_GREETING) return;
      clearTimeout(limit);
      client.off("data", hear);
      try {
        upstream.write(withLogin(greeting.subarray(0, end).toString(), login));
        upstream.write(greeting.subarray(end));
        client.pipe(upstream);
      } catch (error) {
        log.warn("A provider's first words to the local nats-server cannot be read", { reason: reasonOf(error) });
        client.destroy();
      }
    };
    client.on("data", hear);
  }

  return {
    async url() {
      listening ??= listen();
      // Another try may find a port.
      const server = await listening.catch((error: unknown) => {
        listening = undefined;
        throw error;
      });
      return `nats://${LOOPBACK}:${(server.address() as AddressInfo).port}`;
    },
    async [Symbol.asyncDispose]() {
      const server = await listening?.catch(() => undefined);
      for (const socket of sockets) socket.destroy();
      if (server === undefined) return;
      server.close();
      await once(server, "close");
    },
  };
}

/** `CONNECT {…}` with the login in it. @throws Error when it is something else */
export function withLogin(line: string, { user, password }: PasswordLogin): string {
  if (!line.toUpperCase().startsWith(CONNECT)) throw new Error(`found "${line.slice(0, 20)}", want CONNECT`);
  const options: unknown = JSON.parse(line.slice(CONNECT.length));
  if (typeof options !== "object" || options === null) throw new Error("its options are no JSON object");
  return CONNECT + JSON.stringify({ ...options, user, pass: password });
}

/** The number of the user who holds the other end of a connection to `port` of the loopback interface. */
async function userOf(peer: number, port: number): Promise<number | undefined> {
  const hex = (number: number): string => number.toString(16).toUpperCase().padStart(4, "0");
  const table = await readFile("/proc/net/tcp", "utf8");
  for (const line of table.split("\n")) {
    const [, local, remote, , , , , user] = line.trim().split(/\s+/);
    if (local?.endsWith(`:${hex(peer)}`) !== true || remote?.endsWith(`:${hex(port)}`) !== true) continue;
    return Number(user);
  }
  return undefined;
}
