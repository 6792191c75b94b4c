import { readFile } from "node:fs/promises";
import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import type { Clock, Millis } from "#provider";
import { BackendError } from "../backend.ts";
import type { RedisConfig } from "../config.ts";
import { Refusal } from "./resp.ts";
import { talkRedis, type ConnectionLimits, type RedisConnection } from "./connection.ts";

/** Larger values are not taken from the server, whoever has put them there. */
const MAX_VALUE = 64 * 1024 * 1024;

/** Connects and logs in. The files are read each time, so that renewed ones are taken up. @throws what went wrong */
export async function openRedis(config: RedisConfig, clock: Clock, signal: AbortSignal): Promise<RedisConnection> {
  const limits: ConnectionLimits = {
    timeout: config.timeout,
    maxInflight: config.max_inflight,
    maxValue: MAX_VALUE,
  };
  await using stack = new AsyncDisposableStack();
  const socket = await connectSocket(config, clock, signal);
  const connection = stack.use(talkRedis(socket, limits, clock));
  const abort = (): void => void connection[Symbol.asyncDispose]();
  signal.addEventListener("abort", abort, { once: true });
  stack.defer(() => signal.removeEventListener("abort", abort));
  if (signal.aborted) abort();
  await logIn(connection, config);
  signal.removeEventListener("abort", abort);
  stack.move();
  return connection;
}

async function logIn(connection: RedisConnection, config: RedisConfig): Promise<void> {
  const { username, password_file, database } = config;
  const [password] =
    password_file === undefined ? [config.password] : (await readFile(password_file, "utf8")).split(/\r?\n/);
  if (password !== undefined) {
    try {
      await connection.command(["AUTH", ...(username === undefined ? [] : [username]), password]);
    } catch (error) {
      // A server that does not know the command says so with what was given to it.
      if (!(error instanceof BackendError && error.cause instanceof Refusal)) throw error;
      throw new BackendError(error.reason, `the server refuses the login: ${codeOf(error.cause)}`);
    }
  }
  // Without a password where one is wanted, this is what is refused.
  await connection.command(["PING"]);
  if (database !== 0) await connection.command(["SELECT", String(database)]);
}

const codeOf = ({ code }: Refusal): string => (/^[A-Z]{1,20}$/.test(code) ? code : "no word of its own");

async function connectSocket(config: RedisConfig, clock: Clock, signal: AbortSignal): Promise<Socket> {
  const url = new URL(config.url);
  const secure = url.protocol === "rediss:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const target = { host, port: url.port === "" ? 6379 : Number(url.port), keepAlive: true, noDelay: true };
  const socket = secure ? connectTls({ ...target, ...(await tlsOptions(config, host)) }) : connect(target);
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const done = new AbortController();
  const abort = (): void => reject(signal.reason as Error);
  socket.once(secure ? "secureConnect" : "connect", () => resolve(socket));
  socket.once("error", reject);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  void clock.sleep(config.connect_timeout, done.signal).then(
    () => reject(tooSlow(config.connect_timeout)),
    () => {},
  );
  try {
    const connected = await promise;
    connected.removeListener("error", reject);
    return connected;
  } catch (error) {
    // What it still has to say is of no interest.
    socket.on("error", () => {});
    socket.destroy();
    throw error;
  } finally {
    done.abort();
    signal.removeEventListener("abort", abort);
  }
}

const tooSlow = (limit: Millis): BackendError => new BackendError("timeout", `no connection within ${limit} ms`);

async function tlsOptions({ tls }: RedisConfig, host: string): Promise<ConnectionOptions> {
  const read = async (path: string | undefined): Promise<Buffer | undefined> =>
    path === undefined ? undefined : await readFile(path);
  const [ca, cert, key] = await Promise.all([read(tls?.ca_file), read(tls?.cert_file), read(tls?.key_file)]);
  return {
    // An address is no name to ask for.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}
