import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, createServer, isIPv4, type AddressInfo, type Server, type Socket } from "node:net";
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
/** Of /proc/net/tcp. */
const ESTABLISHED = "01";
const MAPPED = "0000000000000000FFFF0000";

export function createProcessRelay({ target, login, log }: ProcessRelayOptions): ProcessRelay {
  const sockets = new Set<Socket>();
  let listening: Promise<Server> | undefined;

  async function listen(): Promise<Server> {
    const server = createServer({ noDelay: true }, (client) => void take(client));
    server.maxConnections = MOST_CONNECTIONS;
    server.listen(0, LOOPBACK);
    await once(server, "listening");
    server.on("error", (err) => log.warn("Cannot accept a connection of a provider", { err }));
    return server;
  }

  const keep = (socket: Socket): void => {
    sockets.add(socket);
    // What broke off is the matter of whoever connects again.
    socket.on("error", () => {}).once("close", () => sockets.delete(socket));
  };

  async function take(client: Socket): Promise<void> {
    keep(client);
    const user = await findUser(client);
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

/** A connection to us, as our side has it. */
export type Ends = Pick<Socket, "remoteAddress" | "remotePort" | "localAddress" | "localPort">;

/**
 * The number of the user who holds the other end, by what /proc/net/tcp or tcp6 has. Both ends have to be the same, addresses
 * and ports: another address of the loopback interface may have the port of somebody else.
 */
export function userOf(table: string, ends: Ends): number | undefined {
  const [theirs, ours] = [inTable(ends.remoteAddress, ends.remotePort), inTable(ends.localAddress, ends.localPort)];
  if (theirs === undefined || ours === undefined) return undefined;
  for (const line of table.split("\n")) {
    const [, local = "", remote = "", state, , , , user] = line.trim().split(/\s+/);
    // One that its process has closed already belongs to number 0 there.
    if (state !== ESTABLISHED || user === undefined || !/^\d+$/.test(user)) continue;
    if (withoutMapping(local) === theirs && withoutMapping(remote) === ours) return Number(user);
  }
  return undefined;
}

/** An IPv4 address and port as the kernel writes them: the address as a number of this machine, which is little-endian. */
function inTable(address: string | undefined, port: number | undefined): string | undefined {
  const ipv4 = address?.replace(/^::ffff:/i, "");
  if (ipv4 === undefined || port === undefined || !isIPv4(ipv4)) return undefined;
  const bytes = Buffer.from(ipv4.split(".").map(Number).toReversed());
  const number = Buffer.from([port >> 8, port & 0xff]);
  return `${bytes.toString("hex")}:${number.toString("hex")}`.toUpperCase();
}

/** A socket for IPv6 can hold an end of IPv4. */
const withoutMapping = (end: string): string => (end.startsWith(MAPPED) ? end.slice(MAPPED.length) : end);

async function findUser(client: Socket): Promise<number | undefined> {
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    // A kernel without IPv6 has no such table.
    const user = userOf(await readFile(table, "utf8").catch(() => ""), client);
    if (user !== undefined) return user;
  }
  return undefined;
}
