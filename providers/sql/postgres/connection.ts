import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { Client, type Submittable } from "pg";
import type { PostgresConfig } from "../config.ts";
import type { Preparation, Batch, Outcome, Statement } from "./wire.ts";

/** A session with the server. */
export interface Connection {
  run(work: Statement | Preparation | Batch): Promise<Outcome>;
  /** Whether a transaction was left open. */
  isInTransaction(): boolean;
  isLost(): boolean;
  /** Calls back once it is lost. */
  onLost(listener: () => void): void;
  /** Statements that the server keeps for it. */
  kept(): number;
  /** Ends it, in the middle of a statement too. */
  destroy(): void;
}

/** Forms of values that the codecs know, whatever the server is set to. */
const SETTINGS = [
  "datestyle = 'ISO, YMD'",
  "timezone = 'UTC'",
  "extra_float_digits = 1",
  "bytea_output = 'hex'",
  "lc_monetary = 'C'",
];

async function tlsOptions({ tls }: PostgresConfig): Promise<object | false> {
  if (tls === false) return false;
  const { server_name: name } = tls;
  const read = async (path: string | undefined): Promise<string | undefined> =>
    path === undefined ? undefined : await readFile(path, "utf8");
  const [ca, cert, key] = await Promise.all([tls.ca_file, tls.cert_file, tls.key_file].map(read));
  return {
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert, key }),
    // The driver puts a host that is a name in place of `servername`, so the certificate is compared here.
    ...(name === undefined
      ? {}
      : {
          servername: name,
          checkServerIdentity: (_host: string, found: PeerCertificate) => checkServerIdentity(name, found),
        }),
  };
}

/** The files are read each time, so that a renewed password or certificate is used. */
async function readPassword({ password, password_file: path }: PostgresConfig): Promise<string> {
  if (path === undefined) return password ?? "";
  const [line = ""] = (await readFile(path, "utf8")).split(/\r?\n/, 1);
  return line;
}

/** Opens a session. Rejects with what kept it from being opened. */
export async function connect(config: PostgresConfig, signal: AbortSignal): Promise<Connection> {
  signal.throwIfAborted();
  const password = await readPassword(config);
  // Everything that the driver would take from the environment is given here.
  const client = new Client({
    host: config.host,
    port: config.port,
    user: config.user,
    database: config.database,
    // As a function: the driver looks for no file of its own.
    password: () => password,
    ssl: await tlsOptions(config),
    application_name: config.application_name,
    connectionTimeoutMillis: config.connect_timeout,
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
  });
  // Of the driver's own objects, what its declarations leave out.
  const { connection } = client as unknown as {
    readonly connection: {
      readonly stream: Socket;
      readonly parsedStatements: object;
    };
  };
  const destroy = (): void => void connection.stream.destroy();
  let lost = false;
  const listeners: (() => void)[] = [];
  const lose = (): void => {
    if (lost) return;
    lost = true;
    for (const listener of listeners) listener();
  };
  client.on("error", lose);
  client.on("end", lose);
  signal.addEventListener("abort", destroy, { once: true });
  let late: NodeJS.Timeout | undefined;
  try {
    await client.connect();
    // The driver's own limit ends here.
    late = setTimeout(destroy, config.connect_timeout);
    await client.query(SETTINGS.map((setting) => `SET ${setting}`).join("; "));
    await client.query(`SET statement_timeout = ${config.statement_timeout}`);
  } catch (error) {
    destroy();
    throw error;
  } finally {
    clearTimeout(late);
    signal.removeEventListener("abort", destroy);
  }
  return {
    run: async (work) => {
      const { stream } = connection;
      const count = ({ length }: Buffer): void => work.noteBytes(length);
      stream.on("data", count);
      try {
        client.query(work as unknown as Submittable);
        return await work.done;
      } finally {
        stream.off("data", count);
      }
    },
    isInTransaction: () => client.getTransactionStatus() !== "I",
    isLost: () => lost || connection.stream.destroyed,
    onLost: (listener) => void listeners.push(listener),
    kept: () => Object.keys(connection.parsedStatements).length,
    destroy,
  };
}
