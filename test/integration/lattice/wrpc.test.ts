// Calls between hosts over a real server: what they look like on the wire, what crosses, and every way they can fail.

import { connect, headers, type Msg, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, test, type ExpectStatic } from "vitest";
import { connectNats, type LatticeConnection } from "../../../src/adapters/lattice/connection.ts";
import { createWrpcClient, type RemoteFunction } from "../../../src/adapters/lattice/wrpc/client.ts";
import type { CallLimits } from "../../../src/adapters/lattice/wrpc/limits.ts";
import type { Caller, ServedFunction } from "../../../src/adapters/lattice/wrpc/served-call.ts";
import { serveWrpc } from "../../../src/adapters/lattice/wrpc/server.ts";
import type { WireFunction, WireType } from "../../../src/adapters/lattice/wrpc/types.ts";
import { isPetioleError, PetioleError, WitError, type ErrorCode } from "../../../src/domain/errors.ts";
import { bytes, millis, minutes, seconds } from "../../../src/domain/units.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { startNats, type TestNats } from "../../support/nats.ts";
import { publishRaw } from "../../support/raw-nats.ts";
import { waitFor } from "../../support/wait-for.ts";

const MAX_PAYLOAD = 64 * 1024;
const LATTICE = "plant";
const STRING: WireType = { kind: "string" };
const BYTES: WireType = { kind: "list", element: { kind: "u8" } };

const fn = (params: readonly WireType[], result?: WireType): WireFunction => ({
  params: params.map((type, index) => ({ name: `p${index}`, type })),
  result,
});
const result = (ok: WireType | undefined, err: WireType | undefined): WireType => ({ kind: "result", ok, err });
const hex = (data: Uint8Array): string => Buffer.from(data).toString("hex");
const unhex = (text: string): Uint8Array => Buffer.from(text.replaceAll(" ", ""), "hex");
const coded = (expect: ExpectStatic, code: ErrorCode): unknown =>
  expect.toSatisfy((error: unknown) => isPetioleError(error, code), `a PetioleError ${code}`);

let nats: TestNats;
let connection: LatticeConnection;
let raw: NatsConnection;
beforeAll(async () => {
  nats = await startNats({ config: `max_payload: ${MAX_PAYLOAD}` });
  connection = await link(nats.url);
  raw = await connect({ servers: nats.url });
});
afterAll(async () => {
  await raw.close();
  await connection[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});

async function link(url: string): Promise<LatticeConnection> {
  const opened = connectNats({
    servers: [url],
    name: "test",
    log: silentLogger,
    backoff: { initial: millis(20), max: millis(100) },
  });
  await waitFor("the connection", () => opened.state().connected);
  return opened;
}

interface Shape {
  readonly type: WireFunction;
  readonly name?: string;
  readonly limits?: Partial<CallLimits>;
  readonly over?: LatticeConnection;
}

function remote(target: string, { type, name = "run", limits, over = connection }: Shape): RemoteFunction {
  const client = createWrpcClient({ connection: over, lattice: LATTICE, log: silentLogger, limits: { ...limits } });
  return client.remote({ target, instance: "acme:plant/api@0.1.0", name, type, source: "caller", linkName: "main" });
}

interface Serving extends Shape {
  readonly concurrency?: number;
  readonly grace?: number;
}

function serve(id: string, shape: Serving, call: ServedFunction["call"]): AsyncDisposable {
  const { type, name = "run", limits, over = connection } = shape;
  return serveWrpc({
    connection: over,
    lattice: LATTICE,
    id,
    log: silentLogger,
    functions: [{ instance: "acme:plant/api@0.1.0", name, type, call }],
    limits: { ...limits },
    ...(shape.concurrency === undefined ? {} : { concurrency: shape.concurrency }),
    ...(shape.grace === undefined ? {} : { grace: millis(shape.grace) }),
  });
}

/** Resolves when the server knows all subscriptions that were made so far. */
const settled = async (over = connection): Promise<void> => await over.current()?.flush();

const subjectOf = (target: string, name = "run"): string => `plant.${target}.wrpc.0.0.1.acme:plant/api@0.1.0.${name}`;

/** A peer that is not ours: takes one call and answers it with the bytes that are given. */
function answering(target: string, answer: (call: Msg, inbox: string) => void): Msg[] {
  const seen: Msg[] = [];
  const inbox = `_INBOX.peer.${target}`;
  raw.subscribe(`${inbox}.>`, { callback: (_error, message) => void seen.push(message) });
  raw.subscribe(subjectOf(target), {
    callback: (_error, message) => {
      seen.push(message);
      answer(message, inbox);
    },
  });
  return seen;
}

/** A peer that is not ours: makes a call with the bytes that are given, and records what comes of it. */
function calling(name: string, params: Uint8Array, target = name): { readonly seen: Msg[]; readonly inbox: string } {
  const seen: Msg[] = [];
  const inbox = `_INBOX.caller.${name}`;
  for (const subject of [inbox, `${inbox}.>`]) {
    raw.subscribe(subject, { callback: (_error, message) => void seen.push(message) });
  }
  raw.publish(subjectOf(target), params, { reply: inbox });
  return { seen, inbox };
}

const trace = (messages: readonly Msg[]): string[] => messages.map(({ subject, data }) => `${subject} ${hex(data)}`);

describe("calls between hosts", () => {
  test("a call has the subjects, the headers and the bytes that other hosts expect", async ({ expect }) => {
    const type = fn([STRING, STRING], result({ kind: "option", some: BYTES }, STRING));
    const seen = answering("wire", (call, inbox) => {
      raw.publish(call.reply ?? "", new Uint8Array(), { reply: inbox });
      raw.publish(`${call.reply}.results`, unhex("00 01 01 31"));
      raw.publish(`${call.reply}.results`, new Uint8Array());
    });
    await raw.flush();
    expect(await remote("wire", { type, name: "run" })(["default", "k"])).toEqual(new Uint8Array([0x31]));
    await waitFor("the end of the parameters", () => seen.length === 2);
    expect(trace(seen)).toEqual([`${subjectOf("wire")} 0764656661756c74016b`, "_INBOX.peer.wire.params "]);
    expect(seen[0]?.headers?.get("source-id")).toBe("caller");
    expect(seen[0]?.headers?.get("link-name")).toBe("main");
    expect(seen[0]?.reply).toMatch(/^_INBOX\.[^.]+\.[^.]+$/);
  });

  test("an answer has them as well, and comes without the end of the parameters", async ({ expect }) => {
    const callers: Caller[] = [];
    await using _server = serve("wire-2", { type: fn([STRING], STRING) }, async ([text], caller) => {
      callers.push(caller);
      return `${String(text)}!`;
    });
    await settled();
    const { seen, inbox } = calling("wire-2", unhex("01 61"));
    await waitFor("the results", () => seen.length === 3);
    expect(trace(seen)).toEqual([`${inbox} `, `${inbox}.results 026121`, `${inbox}.results `]);
    expect(seen[0]?.reply).toMatch(/^_INBOX\.[^.]+\.[^.]+$/);
    expect(callers).toMatchObject([{ source: undefined, linkName: "default" }]);
  });

  test("resource functions lose what stands before their name", async ({ expect }) => {
    const shape = { type: fn([BYTES], STRING), name: "[method]bucket.get" };
    await using _server = serve("methods", shape, async ([handle]) => hex(handle as Uint8Array));
    raw.subscribe(subjectOf("methods", "bucket.get"), { callback: () => {} });
    expect(await remote("methods", shape)([new Uint8Array([1, 2])])).toBe("0102");
  });

  test("values cross both ways, also those larger than a message", async ({ expect }) => {
    const point: WireType = { kind: "record", fields: [{ name: "at-x", type: { kind: "f64" } }] };
    const types = [STRING, { kind: "list", element: point }, BYTES, { kind: "u64" }] as const;
    const shape = { type: fn(types, { kind: "tuple", elements: types }) };
    await using _server = serve("large", shape, async (args) => args);
    const points = Array.from({ length: 20_000 }, (_, atX) => ({ atX }));
    const blob = new Uint8Array(5 * MAX_PAYLOAD + 17).map((_, index) => index % 251);
    for (const args of [
      ["é", points, blob, 2n ** 60n],
      ["", [], new Uint8Array(), 0n],
    ]) {
      expect(await remote("large", shape)(args)).toEqual(args);
    }
  });

  test("err is thrown as WitError, and nothing is a result as well", async ({ expect }) => {
    const shape = { type: fn([{ kind: "bool" }], result(undefined, STRING)) };
    await using _server = serve("fallible", shape, async ([fail]) => {
      if (fail === true) throw new WitError("no such key");
      return undefined;
    });
    const call = remote("fallible", shape);
    expect(await call([false])).toBeUndefined();
    await expect(call([true])).rejects.toEqual(new WitError("no such key"));
    const none = { type: fn([]), name: "none" };
    await using _other = serve("fallible", none, async () => undefined);
    expect(await remote("fallible", none)([])).toBeUndefined();
  });

  test("of several hosts that serve an id, one takes each call", async ({ expect }) => {
    await using other = await link(nats.url);
    const shape = { type: fn([], STRING) };
    let calls = 0;
    const count = async (): Promise<string> => `${++calls}`;
    await using _first = serve("shared", shape, count);
    await using _second = serve("shared", { ...shape, over: other }, count);
    await settled(other);
    await Promise.all(Array.from({ length: 20 }, () => remote("shared", shape)([])));
    expect(calls).toBe(20);
  });
});

describe("streams and futures between hosts", () => {
  const STREAM: WireType = { kind: "stream", element: { kind: "u8" } };
  const FUTURE: WireType = { kind: "future", value: { kind: "option", some: STRING } };
  const body: WireType = {
    kind: "record",
    fields: [
      { name: "body", type: STREAM },
      { name: "trailers", type: FUTURE },
      { name: "status", type: { kind: "u16" } },
    ],
  };
  interface Body {
    readonly body: AsyncIterable<Uint8Array>;
    readonly trailers: Promise<string | undefined>;
    readonly status: number;
  }
  const echo = { type: fn([body], result(body, STRING)) };
  const read = async (stream: AsyncIterable<Uint8Array>): Promise<Buffer> =>
    Buffer.concat(await Array.fromAsync(stream));
  async function* pieces(...all: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
    yield* all;
  }

  test("cross both ways in their pieces, beside the rest of the value", async ({ expect }) => {
    await using _server = serve("echo", echo, async ([given]) => {
      const { body, trailers, status } = given as Body;
      return { body, trailers: trailers.then((text) => `${text}!`), status: status + 1 };
    });
    const large = new Uint8Array(3 * MAX_PAYLOAD).fill(7);
    const sent = { body: pieces(large, new Uint8Array(), large), trailers: Promise.resolve("sum"), status: 200 };
    const got = (await remote("echo", echo)([sent])) as Body;
    expect(got.status).toBe(201);
    expect((await read(got.body)).equals(Buffer.concat([large, large]))).toBe(true);
    expect(await got.trailers).toBe("sum!");
  });

  test("what is there at once goes with the value; nothing at all is a stream as well", async ({ expect }) => {
    await using _server = serve("ready", echo, async ([given]) => ({
      ...(given as Body),
      body: await read((given as Body).body),
    }));
    for (const text of ["whole", ""]) {
      const sent = { body: Buffer.from(text), trailers: undefined, status: 1 };
      const got = (await remote("ready", echo)([sent])) as Body;
      expect((await read(got.body)).toString()).toBe(text);
      expect(await got.trailers).toBeUndefined();
    }
  });

  test("have the paths and the bytes that other hosts expect", async ({ expect }) => {
    await using _server = serve("paths", echo, async ([given]) => {
      const { body } = given as Body;
      return { body: pieces(await read(body)), trailers: Promise.resolve(undefined), status: 200 };
    });
    await settled();
    const { seen, inbox } = calling("paths", unhex("00 00 01"));
    const accepted = await waitFor("the call to be taken", () => seen[0]?.reply);
    for (const [path, data] of [
      ["", ""],
      [".0.0", "02 6f"],
      [".0.0", "6b 00"],
      [".0.0", ""],
      [".0.1", "00"],
      [".0.1", ""],
    ] as const) {
      raw.publish(`${accepted}.params${path}`, unhex(data));
    }
    await waitFor("all of the results", () => seen.length === 8);
    const by = (channel: string): string[] =>
      trace(seen.filter(({ subject }) => subject === `${inbox}.${channel}`)).map((line) => line.split(" ")[1] ?? "");
    expect(by("results")).toEqual(["000000c801", ""]);
    expect(by("results.0.0")).toEqual(["026f6b", "00", ""]);
    expect(by("results.0.1")).toEqual(["00", ""]);
  });

  test("one that fails on its way fails where it is read", async ({ expect }) => {
    await using _server = serve("broken", echo, async () => ({
      body: (async function* () {
        yield Buffer.from("some");
        throw new PetioleError("ERR_COMPONENT_TRAP", "out of bounds");
      })(),
      trailers: Promise.reject(new Error("none")),
      status: 200,
    }));
    const sent = { body: Buffer.from("x"), trailers: undefined, status: 1 };
    const got = (await remote("broken", echo)([sent])) as Body;
    await expect(read(got.body)).rejects.toThrow(coded(expect, "ERR_COMPONENT_TRAP"));
    await expect(got.trailers).rejects.toThrow(coded(expect, "ERR_CALL_FAILED"));
  });

  test("more than may wait to be read, and one that nothing comes of, are given up", async ({ expect }) => {
    const target = "flood";
    answering(target, (call, inbox) => {
      raw.publish(call.reply ?? "", new Uint8Array(), { reply: inbox });
      raw.publish(`${call.reply}.results`, unhex("00 00 00 01"));
      for (let i = 0; i < 4; i++) raw.publish(`${call.reply}.results.0.0`, new Uint8Array(MAX_PAYLOAD));
    });
    await raw.flush();
    const sent = { body: Buffer.from("x"), trailers: undefined, status: 1 };
    const flooded = (await remote(target, { ...echo, limits: { value: bytes(2 * MAX_PAYLOAD) } })([sent])) as Body;
    await expect(flooded.trailers).rejects.toThrow(coded(expect, "ERR_CALL_TOO_LARGE"));
    const idle = (await remote(target, { ...echo, limits: { idle: millis(50) } })([sent])) as Body;
    await expect(idle.trailers).rejects.toThrow(coded(expect, "ERR_CALL_TIMEOUT"));
  });
});

describe("calls between hosts that fail", () => {
  const shape = { type: fn([STRING], STRING) };

  test("at once when nobody serves the function", async ({ expect }) => {
    const call = remote("nobody", { ...shape, limits: { call: minutes(10) } });
    await expect(call(["x"])).rejects.toThrow(coded(expect, "ERR_CALL_NO_RESPONDER"));
  });

  test("when the call is not taken, or not answered, in time, or given up", async ({ expect }) => {
    raw.subscribe(subjectOf("deaf"), { callback: () => {} });
    answering("mute", (call, inbox) => raw.publish(call.reply ?? "", new Uint8Array(), { reply: inbox }));
    await raw.flush();
    await expect(remote("deaf", shape)(["x"], { timeout: millis(50) })).rejects.toThrow(/nobody took it within 50 ms/);
    const late = remote("mute", shape)(["x"], { timeout: millis(50) });
    await expect(late).rejects.toThrow(coded(expect, "ERR_CALL_TIMEOUT"));
    const given = new AbortController();
    const call = remote("mute", shape)(["x"], { signal: given.signal });
    given.abort(new Error("shutting down"));
    await expect(call).rejects.toThrow("shutting down");
  });

  test("at once without a connection, and when it is lost", async ({ expect }) => {
    await using server = await startNats();
    await using over = await link(server.url);
    await using _server = serve("lost", { ...shape, over, grace: 1 }, async () => await new Promise<never>(() => {}));
    const call = remote("lost", { ...shape, over, limits: { call: minutes(10) } });
    const lost = expect(call(["x"])).rejects.toThrow(coded(expect, "ERR_LATTICE_UNREACHABLE"));
    await settled(over);
    await server.kill();
    await lost;
    await waitFor("the loss to be seen", () => over.current() === undefined);
    await expect(call(["x"])).rejects.toThrow(coded(expect, "ERR_LATTICE_UNREACHABLE"));
  });

  test("and work again on the next connection", async ({ expect }) => {
    await using server = await startNats();
    await using over = await link(server.url);
    await using _server = serve("back", { ...shape, over }, async ([text]) => text);
    const call = remote("back", { ...shape, over });
    expect(await call(["a"])).toBe("a");
    await server.restart();
    expect(await waitFor("an answer", () => call(["b"]))).toBe("b");
  });

  test("with the error of the component that was called", async ({ expect }) => {
    await using _server = serve("failing", shape, async ([text]) => {
      if (text === "trap") throw new PetioleError("ERR_COMPONENT_TRAP", "unreachable");
      if (text === "misfit") return 1;
      throw new Error("anything");
    });
    const call = remote("failing", shape);
    await expect(call(["trap"])).rejects.toThrow(coded(expect, "ERR_COMPONENT_TRAP"));
    await expect(call(["misfit"])).rejects.toThrow(coded(expect, "ERR_CALL_FAILED"));
    await expect(call(["other"])).rejects.toThrow(coded(expect, "ERR_CALL_FAILED"));
  });

  test("and tell other hosts by a status, or by an end that comes early once they were accepted", async ({
    expect,
  }) => {
    const accepted = Promise.withResolvers<void>();
    await using _server = serve("failing-2", shape, async ([text]) => {
      if (text === "") await accepted.promise;
      throw new Error("anything");
    });
    await settled();
    const early = calling("failing-2", unhex("01 61"));
    await waitFor("the status", () => early.seen.length === 1);
    expect(early.seen[0]?.headers).toMatchObject({ code: 500, description: "Call Failed" });
    const late = calling("failing-late", unhex("00"), "failing-2");
    await waitFor("the call to be taken", () => late.seen.length === 1);
    accepted.resolve();
    await waitFor("the end", () => late.seen.length === 2);
    expect(trace(late.seen)).toEqual([`${late.inbox} `, `${late.inbox}.results `]);
  });

  test("also when they have no results, whose end is like that of a success", async ({ expect }) => {
    const none = { type: fn([{ kind: "stream", element: { kind: "u8" } }]) };
    await using _server = serve("no-results", none, async ([data]) => {
      for await (const _ of data as AsyncIterable<Uint8Array>);
      throw new PetioleError("ERR_INVARIANT", "anything");
    });
    const data = (async function* () {
      yield new Uint8Array(1);
    })();
    await expect(remote("no-results", none)([data])).rejects.toThrow(coded(expect, "ERR_CALL_FAILED"));
  });

  test("at once when too many are at work", async ({ expect }) => {
    const release = Promise.withResolvers<string>();
    await using _server = serve("busy", { ...shape, concurrency: 1 }, async () => await release.promise);
    const call = remote("busy", shape);
    const first = call(["x"]);
    await expect(call(["y"])).rejects.toThrow(coded(expect, "ERR_COMPONENT_BUSY"));
    release.resolve("done");
    expect(await first).toBe("done");
    expect(await waitFor("room", () => call(["z"]))).toBe("done");
  });

  test("when the arguments do not fit or are too large, before anything is sent", async ({ expect }) => {
    const call = remote("nobody", { ...shape, limits: { value: bytes(100_000) } });
    await expect(call([1])).rejects.toThrow(
      /Cannot call acme:plant\/api@0\.1\.0#run of "nobody": argument \[0\]: found 1/,
    );
    await expect(call(["x".repeat(200_000)])).rejects.toThrow(coded(expect, "ERR_CALL_TOO_LARGE"));
  });

  test.for<readonly [name: string, results: readonly string[], code: ErrorCode]>([
    ["are cut off", ["05 61 62", ""], "ERR_CALL_FAILED"],
    ["are no text", ["02 c3 28"], "ERR_CALL_UNDECODABLE"],
    ["are too many bytes", ["01 61 00"], "ERR_CALL_UNDECODABLE"],
    ["never come", [""], "ERR_CALL_FAILED"],
    ["are too long", ["ff ff ff ff 0f"], "ERR_CALL_TOO_LARGE"],
  ])("when the results %s", async ([name, results, code], { expect }) => {
    const target = name.replaceAll(" ", "-");
    answering(target, (call, inbox) => {
      raw.publish(call.reply ?? "", new Uint8Array(), { reply: inbox });
      for (const piece of results) raw.publish(`${call.reply}.results`, unhex(piece));
    });
    await raw.flush();
    await expect(remote(target, shape)(["x"])).rejects.toThrow(coded(expect, code));
  });

  test("but not for a message whose headers are none, nor do those that follow", async ({ expect }) => {
    answering("garbled", (call, inbox) => {
      const reply = call.reply ?? "";
      void publishRaw(nats.port, reply, "NATS/1.0\r\nbad key: 1\r\n\r\n", "").then(() => {
        raw.publish(reply, new Uint8Array(), { reply: inbox });
        raw.publish(`${reply}.results`, unhex("01 31"));
      });
    });
    await raw.flush();
    const call = remote("garbled", { type: fn([STRING], STRING) });
    for (const argument of ["x", "y"]) expect(await call([argument], { timeout: seconds(10) })).toBe("1");
  });

  test("when another host refuses them", async ({ expect }) => {
    raw.subscribe(subjectOf("refusing"), {
      callback: (_error, message) => {
        const refusal = headers(500, "No Room");
        raw.publish(message.reply ?? "", new Uint8Array(), { headers: refusal });
      },
    });
    await raw.flush();
    await expect(remote("refusing", shape)(["x"])).rejects.toThrow(/500 No Room/);
  });

  test("and parameters that are none cost the server nothing", async ({ expect }) => {
    const limited = { ...shape, concurrency: 1, limits: { params: millis(100) } };
    await using _server = serve("garbage", limited, async ([text]) => text);
    await settled();
    const { seen } = calling("garbage", unhex("02 c3 28"));
    await waitFor("the refusal", () => seen.length === 1);
    expect(seen[0]?.headers).toMatchObject({ code: 400, description: "Bad Parameters" });
    // This caller goes away in the middle: it is told, and its place is free again.
    const cut = calling("garbage", unhex("05 61"));
    await waitFor("the end", () => cut.seen.some(({ subject }) => subject.endsWith(".results")));
    expect(await waitFor("room", () => remote("garbage", shape)(["x"]))).toBe("x");
  });
});

describe("what calls hold in memory", () => {
  const shape = { type: fn([BYTES], STRING) };
  const partial = Buffer.concat([unhex("c0 9a 0c"), new Uint8Array(MAX_PAYLOAD - 200)]);
  const ended = (seen: readonly Msg[]): boolean => seen.some(({ subject }) => subject.endsWith(".results"));

  test("has a bound for all of them together, and is free again when they are over", async ({ expect }) => {
    const limited = { ...shape, limits: { total: bytes(100_000) } };
    await using _server = serve("budget", limited, async ([data]) => `${(data as Uint8Array).length}`);
    await settled();
    const first = calling("budget", partial);
    const accepted = await waitFor("the call to be taken", () => first.seen[0]?.reply);
    const second = calling("budget-2", partial, "budget");
    await waitFor("the refusal", () => second.seen[0]?.headers);
    expect(second.seen[0]?.headers?.code).toBe(429);
    // Its parameters end too early.
    raw.publish(`${accepted}.params`);
    await waitFor("the first to be given up", () => ended(first.seen));
    expect(await remote("budget", shape)([new Uint8Array(90_000)])).toBe("90000");
  });

  test("is given back when the one that was called has not read a stream", async ({ expect }) => {
    const stream = {
      type: fn([{ kind: "stream", element: { kind: "u8" } }], STRING),
      limits: { total: bytes(100_000) },
    };
    const arrived = Promise.withResolvers<string>();
    let calls = 0;
    await using _server = serve("unread", stream, async ([data]) => {
      calls += 1;
      if (calls === 1) return await arrived.promise;
      return String(Buffer.concat(await Array.fromAsync(data as AsyncIterable<Uint8Array>)).length);
    });
    const call = async (): Promise<unknown> =>
      await remote(
        "unread",
        stream,
      )([
        (async function* () {
          yield new Uint8Array(90_000);
          arrived.resolve("enough");
        })(),
      ]);
    expect(await call()).toBe("enough");
    expect(await call()).toBe("90000");
  });
});

describe("serveWrpc(), closed", () => {
  test("takes no further calls, and ends those it has", async ({ expect }) => {
    const shape = { type: fn([], STRING) };
    const [begun, release] = [Promise.withResolvers<void>(), Promise.withResolvers<string>()];
    const server = serve("closing", shape, async () => {
      begun.resolve();
      return await release.promise;
    });
    const pending = remote("closing", shape)([]);
    await begun.promise;
    const closed = server[Symbol.asyncDispose]();
    await waitFor("the server to be gone", async () => {
      const error = await remote("closing", shape)([], { timeout: millis(1000) }).catch((error: unknown) => error);
      return isPetioleError(error, "ERR_CALL_NO_RESPONDER");
    });
    release.resolve("late");
    expect(await pending).toBe("late");
    await closed;
  });

  test("tells calls that take longer than it waits", async ({ expect }) => {
    const shape = { type: fn([], STRING) };
    const begun = Promise.withResolvers<void>();
    const server = serve("stopping", { ...shape, grace: 10 }, async (_args, { signal }) => {
      begun.resolve();
      return await new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error));
      });
    });
    const pending = remote("stopping", shape)([]);
    await begun.promise;
    await Promise.all([
      expect(pending).rejects.toThrow(coded(expect, "ERR_COMPONENT_STOPPED")),
      server[Symbol.asyncDispose](),
    ]);
  });
});
