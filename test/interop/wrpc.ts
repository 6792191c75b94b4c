// Calls between petiole and a peer of another make, both ways. With `--capture`, what the peer sent is kept for
// test/conformance/wrpc.

import { deepStrictEqual } from "node:assert";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { connectNats, type LatticeConnection } from "../../src/adapters/lattice/connection.ts";
import { createWrpcClient } from "../../src/adapters/lattice/wrpc/client.ts";
import type { ServedFunction } from "../../src/adapters/lattice/wrpc/served-call.ts";
import { serveWrpc } from "../../src/adapters/lattice/wrpc/server.ts";
import { isPetioleError, PetioleError, WitError } from "../../src/domain/errors.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { startNats, type TestNats } from "../support/nats.ts";
import { spawnProcess } from "../support/processes.ts";
import { waitFor } from "../support/wait-for.ts";
import { peer } from "./peers.ts";
import { interop } from "./report.ts";
import { FUNCTIONS, INSTANCE, LEAST, MOST, READINGS, type Body } from "./wrpc/api.ts";

const CAPTURES = join(import.meta.dirname, "../fixtures/wrpc/peer.json");
const LATTICE = "interop";
/** It takes a second. */
const STALLED_MS = 30_000;

type Name = keyof typeof FUNCTIONS;

await interop("wrpc", async ({ step }) => {
  const binary = peer("wrpc");
  await using nats = await startNats({ config: "max_payload: 65536" });
  await using connection = connectNats({ servers: [nats.url], name: "interop", log: silentLogger });
  const raw = await connect({ servers: nats.url });
  await waitFor("the connection", () => connection.state().connected);
  const captured = capture(raw);
  const rig = { binary, nats, connection, step };
  step("the peer calls petiole");
  await patiently(step, async () => await peerCalls(rig));
  step("petiole calls the peer");
  await patiently(step, async () => await callPeer(rig));
  await raw.close();
  if (!process.argv.includes("--capture")) return;
  await writeFile(CAPTURES, `${JSON.stringify(captured, undefined, 2)}\n`);
  step(`wrote ${CAPTURES}`);
});

interface Rig {
  readonly binary: string;
  readonly nats: TestNats;
  readonly connection: LatticeConnection;
  readonly step: (what: string) => void;
}

class Stalled extends Error {}

/**
 * The peer's libraries may drop the first message of a call or its answer: they pick at random between that and the
 * subscription that it is for when both wait, as they do on a busy machine. Later releases take the subscription first.
 */
async function patiently(step: Rig["step"], work: () => Promise<void>): Promise<void> {
  for (let left = 3; ; left--) {
    try {
      await work();
      return;
    } catch (error) {
      if (left === 0 || !(error instanceof Stalled || isPetioleError(error, "ERR_CALL_TIMEOUT"))) throw error;
      step("the peer waits for a message that it has dropped: once more");
    }
  }
}

async function peerCalls({ binary, nats, connection }: Rig): Promise<void> {
  await using _server = serveWrpc({
    connection,
    lattice: LATTICE,
    id: "petiole",
    log: silentLogger,
    functions: Object.entries(FUNCTIONS).map(([name, type]) => ({ instance: INSTANCE, name, type, call: serve(name) })),
  });
  const failing = async (): Promise<never> => {
    throw new PetioleError("ERR_COMPONENT_TRAP", "unreachable");
  };
  await using _busy = serveFailing(connection, "busy", failing, 0);
  await using _failing = serveFailing(connection, "failing", failing);
  await connection.current()?.flush();
  const caller = spawn(binary, ["call", nats.url], { stdio: "inherit", timeout: STALLED_MS });
  const [code, signal] = (await once(caller, "exit")) as [number | null, string | null];
  if (signal === "SIGTERM") throw new Stalled(`The peer took more than ${STALLED_MS} ms`);
  if (code !== 0) throw new Error(`The peer ended with ${code ?? signal}`);
}

function serveFailing(
  connection: LatticeConnection,
  id: string,
  call: ServedFunction["call"],
  concurrency = 10,
): AsyncDisposable {
  const functions = (["nothing", "count"] as const).map((name) => ({
    instance: INSTANCE,
    name,
    type: FUNCTIONS[name],
    call,
  }));
  return serveWrpc({ connection, lattice: LATTICE, id, log: silentLogger, functions, concurrency });
}

function serve(name: string): ServedFunction["call"] {
  if (name === "count") return async ([values]) => values;
  if (name === "lists") return async (lists) => lists;
  if (name === "pass") return async ([given]) => ({ ...(given as Body), status: (given as Body).status + 1 });
  if (name === "nothing") return async () => undefined;
  return async ([readings, failure]) => {
    if (failure !== undefined) throw new WitError(failure);
    return readings;
  };
}

async function callPeer({ binary, nats, connection, step }: Rig): Promise<void> {
  await using foreign = await spawnProcess(binary, ["serve", nats.url]);
  await waitFor("the peer", () => foreign.output().includes("serving"));
  const client = createWrpcClient({ connection, lattice: LATTICE, log: silentLogger });
  const call = async (name: Name, ...args: readonly unknown[]): Promise<unknown> =>
    await client.remote({
      target: "foreign",
      instance: INSTANCE,
      name,
      type: FUNCTIONS[name],
      source: "petiole",
      linkName: "default",
    })(args);
  // Its subscriptions may not have reached the server yet.
  await waitFor("an answer", async () => {
    await call("nothing");
    return true;
  });
  step("ok nothing");
  for (const values of [LEAST, MOST]) deepStrictEqual(await call("count", values), values);
  step("ok count");
  deepStrictEqual(await call("check", READINGS, undefined), READINGS);
  step("ok check");
  const failure = { tag: "other", val: "on purpose" };
  const thrown: unknown = await call("check", [], failure).catch((error: unknown) => error);
  deepStrictEqual(thrown instanceof WitError && thrown.payload, failure);
  step("ok err");
  const lists = [
    new Uint8Array(300_000).fill(7),
    Uint16Array.from({ length: 100_000 }, (_, n) => n % 65_536),
    Array.from({ length: 2000 }, (_, n) => Int32Array.of(-n, n * 1000)),
  ];
  deepStrictEqual(await call("lists", ...lists), lists);
  step("ok lists");
  const pieces = Array.from({ length: 30 }, (_, n) => new Uint8Array(10_000).fill(n));
  const pending = (async function* () {
    yield* pieces;
  })();
  for (const [what, content, trailers] of [
    ["pending", pending, Promise.resolve("sum")],
    ["ready", Buffer.concat(pieces), "sum"],
    ["empty", new Uint8Array(), Promise.resolve(undefined)],
  ] as const) {
    const got = (await call("pass", { content, trailers, status: 200 } satisfies Body)) as Body;
    const chunks = await Array.fromAsync(got.content as AsyncIterable<Uint8Array>);
    deepStrictEqual(Buffer.concat(chunks), what === "empty" ? Buffer.alloc(0) : Buffer.concat(pieces));
    deepStrictEqual(await got.trailers, what === "empty" ? undefined : "sum");
    deepStrictEqual(got.status, 201);
    step(`ok pass ${what}`);
  }
  const missing = { ...FUNCTIONS.nothing };
  const nobody: unknown = await client
    .remote({ target: "nobody", instance: INSTANCE, name: "nothing", type: missing, source: "p", linkName: "default" })(
      [],
    )
    .catch((error: unknown) => error);
  deepStrictEqual(isPetioleError(nobody, "ERR_CALL_NO_RESPONDER"), true);
  step("ok no responder");
}

interface Captured {
  readonly name: string;
  readonly what: "params" | "results";
  readonly bytes: string;
}

/** What the peer sends, of calls that fit into one message: parameters of its calls, results of ours. */
function capture(live: NatsConnection): Captured[] {
  const found: Captured[] = [];
  const names = new Map<string, string>();
  const prefix = (target: string): string => `${LATTICE}.${target}.wrpc.0.0.1.${INSTANCE}.`;
  const keep = (name: string, what: Captured["what"], data: Uint8Array): void => {
    if (data.length > 0 && data.length < 1024) found.push({ name, what, bytes: Buffer.from(data).toString("hex") });
  };
  live.subscribe(`${LATTICE}.petiole.>`, {
    callback: (error, { subject, data }) => {
      if (error === null) keep(subject.slice(prefix("petiole").length), "params", data);
    },
  });
  live.subscribe(`${LATTICE}.foreign.>`, {
    callback: (error, { subject, reply }) => {
      if (error === null) names.set(reply ?? "", subject.slice(prefix("foreign").length));
    },
  });
  live.subscribe("_INBOX.>", {
    callback: (error, { subject, data }) => {
      const name = names.get(subject.replace(/\.results$/, ""));
      if (error === null && name !== undefined && subject.endsWith(".results")) keep(name, "results", data);
    },
  });
  return found;
}
