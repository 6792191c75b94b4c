import { describe, test } from "vitest";
import { ok, type WasiResult } from "../result.ts";
import type { Suspend } from "../waiting.ts";
import { IncomingBody, OutgoingBody } from "./body.ts";
import { Exchange, MAX_INFORMATIONAL, ResponseOutparam } from "./exchange.ts";
import { Fields } from "./fields.ts";
import { packFields } from "./packed-fields.ts";
import { BODY_WINDOW, unpackOutput, type ExchangeOutput, type PackedBytes } from "./messages.ts";
import { OutgoingResponse } from "./outgoing-response.ts";

const suspend: Suspend = (arm) => new Promise((resume) => void arm(resume));
const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(120);

interface Asked {
  readonly method?: string;
  readonly scheme?: string;
  readonly body?: PackedBytes | true;
}

function open({ method = "GET", scheme = "http", body }: Asked = {}) {
  const posted: ExchangeOutput[] = [];
  const exchange = new Exchange([method, scheme, "device.example", "/a?b", packFields([["x-a", "1"]]), body], {
    suspend,
    post: (output) => posted.push(unpackOutput(output)),
  });
  return { exchange, posted };
}

/** What is left when the component returned. */
const finish = (exchange: Exchange): ExchangeOutput => unpackOutput(exchange.finish());

function unwrap<T>(result: WasiResult<T, unknown> | undefined): T {
  if (result?.tag !== "ok") throw new Error("want ok");
  return result.val;
}

/** Answers, and gives what to write the body with. */
function respond(exchange: Exchange, headers = new Fields()) {
  const response = new OutgoingResponse(suspend, headers);
  const body = unwrap(response.body());
  ResponseOutparam.set(exchange.outparam, ok(response));
  return { body, stream: unwrap(body.write()) };
}

function promising(length: number): Fields {
  return unwrap(Fields.fromList([["content-length", Buffer.from(String(length))]]));
}

describe("IncomingRequest", () => {
  test("says what came in", ({ expect }) => {
    const { request } = open({ method: "PURGE", scheme: "https" }).exchange;
    expect(request.method()).toEqual({ tag: "other", val: "PURGE" });
    expect([request.pathWithQuery(), request.authority(), request.scheme()]).toEqual([
      "/a?b",
      "device.example",
      { tag: "HTTPS" },
    ]);
    expect(request.headers().get("X-A")).toEqual([Uint8Array.of(49)]);
    expect(open().exchange.request.method()).toEqual({ tag: "get" });
  });

  test("consume() and stream() give the body once", ({ expect }) => {
    const { request } = open({ body: Uint8Array.of(1, 2) }).exchange;
    const body = unwrap(request.consume());
    expect(request.consume().tag).toBe("err");
    const stream = unwrap(body.stream());
    expect(body.stream().tag).toBe("err");
    expect([stream.read(9n), stream.read(9n).tag]).toEqual([ok(Uint8Array.of(1, 2)), "err"]);
    expect(IncomingBody.finish(body).get()).toEqual(ok(ok(undefined)));
  });

  test("a body that follows is read as it comes, with its trailers", async ({ expect }) => {
    const { exchange } = open({ body: true });
    const body = unwrap(exchange.request.consume());
    const read = unwrap(body.stream()).blockingRead(9n);
    exchange.onInput({ kind: "chunk", bytes: Uint8Array.of(7) });
    expect(await read).toEqual(ok(Uint8Array.of(7)));
    const future = IncomingBody.finish(body);
    expect(future.get()).toBeUndefined();
    exchange.onInput({ kind: "end", trailers: packFields([["x-t", "1"]]) });
    await future.subscribe().block();
    const trailers = unwrap(unwrap(future.get()));
    expect(trailers?.has("x-t")).toBe(true);
    expect(future.get()?.tag).toBe("err");
  });
});

describe("Exchange", () => {
  test("a small response is one message, with the end of the turn", ({ expect }) => {
    const { exchange, posted } = open();
    const { body, stream } = respond(exchange);
    stream.write(bytes(3));
    stream.write(bytes(2));
    OutgoingBody.finish(body, undefined);
    expect(finish(exchange)).toEqual({
      head: { status: 200, headers: "" },
      chunk: Buffer.from(bytes(5)),
      end: { trailers: undefined },
    });
    expect(posted).toEqual([]);
  });

  test("release() gives out what there is, once", ({ expect }) => {
    const { exchange, posted } = open();
    exchange.release();
    const { stream } = respond(exchange);
    exchange.release();
    exchange.release();
    stream.write(bytes(1));
    exchange.release();
    expect(posted).toEqual([{ head: { status: 200, headers: "" } }, { chunk: Buffer.from(bytes(1)) }]);
  });

  test("a long response waits for credit", async ({ expect }) => {
    const { exchange, posted } = open();
    const { stream } = respond(exchange);
    stream.write(bytes(BODY_WINDOW));
    expect(posted.map(({ chunk }) => chunk?.byteLength)).toEqual([BODY_WINDOW]);
    expect(stream.checkWrite()).toEqual(ok(0n));
    const blocked = stream.subscribe().block();
    expect(blocked).toBeDefined();
    exchange.onInput({ kind: "credit", bytes: 10 });
    await blocked;
    expect(stream.checkWrite()).toEqual(ok(10n));
  });

  test("what is written before the response is set comes with it", ({ expect }) => {
    const { exchange } = open();
    const response = new OutgoingResponse(suspend, new Fields());
    const body = unwrap(response.body());
    const stream = unwrap(body.write());
    stream.write(bytes(BODY_WINDOW));
    expect(stream.checkWrite()).toEqual(ok(0n));
    OutgoingBody.finish(body, undefined);
    ResponseOutparam.set(exchange.outparam, ok(response));
    expect(finish(exchange)).toMatchObject({ end: {} });
  });

  test("trailers, status and informational responses pass", ({ expect }) => {
    const { exchange } = open();
    expect(exchange.outparam.sendInformational(101, new Fields()).tag).toBe("err");
    expect(exchange.outparam.sendInformational(103, new Fields()).tag).toBe("ok");
    const response = new OutgoingResponse(suspend, new Fields());
    expect(response.setStatusCode(99).tag).toBe("err");
    response.setStatusCode(418);
    const body = unwrap(response.body());
    ResponseOutparam.set(exchange.outparam, ok(response));
    OutgoingBody.finish(body, unwrap(Fields.fromList([["x", Uint8Array.of(49)]])));
    expect(finish(exchange)).toEqual({
      informational: [{ status: 103, headers: "" }],
      head: { status: 418, headers: "" },
      end: { trailers: "x\x001\0" },
    });
  });

  test("finish() names a response that is missing, unfinished, given up, refused", ({ expect }) => {
    expect(finish(open().exchange).failed).toMatch(/without a response/);
    const unfinished = open().exchange;
    respond(unfinished);
    expect(finish(unfinished).failed).toMatch(/before the end/);
    const dropped = open().exchange;
    respond(dropped).body[Symbol.dispose]();
    expect(finish(dropped).failed).toMatch(/dropped before its end/);
    const refused = open().exchange;
    ResponseOutparam.set(refused.outparam, { tag: "err", val: { tag: "internal-error", val: "why" } });
    expect(finish(refused)).toEqual({ failed: "it answered with the error internal-error: why" });
  });

  test("holds the body to its content-length", ({ expect }) => {
    const short = open().exchange;
    const { body, stream } = respond(short, promising(5));
    stream.write(bytes(2));
    expect(OutgoingBody.finish(body, undefined)).toEqual({
      tag: "err",
      val: { tag: "HTTP-response-body-size", val: 2n },
    });
    expect(finish(short).failed).toMatch(/HTTP-response-body-size/);
    const long = open().exchange;
    const { stream: writer } = respond(long, promising(1));
    writer.write(bytes(2));
    expect(writer.checkWrite()).toMatchObject({ tag: "err", val: { tag: "last-operation-failed" } });
    const none = open().exchange;
    ResponseOutparam.set(none.outparam, ok(new OutgoingResponse(suspend, promising(5))));
    expect(finish(none).failed).toMatch(/has 0 bytes, its headers say 5/);
    const head = open({ method: "HEAD" }).exchange;
    ResponseOutparam.set(head.outparam, ok(new OutgoingResponse(suspend, promising(5))));
    expect(finish(head).failed).toBeUndefined();
  });

  test("tells the component that the client is gone", async ({ expect }) => {
    const { exchange } = open({ body: true });
    const read = unwrap(unwrap(exchange.request.consume()).stream()).blockingRead(1n);
    const { stream } = respond(exchange);
    stream.write(bytes(BODY_WINDOW));
    const blocked = stream.subscribe().block();
    exchange.onInput({ kind: "cut", reason: "connection-terminated" });
    await blocked;
    expect([(await read).tag, stream.checkWrite().tag]).toEqual(["err", "err"]);
  });

  test("takes only so many informational responses", ({ expect }) => {
    const { exchange, posted } = open();
    const inform = () => exchange.outparam.sendInformational(103, new Fields()).tag;
    expect(Array.from({ length: MAX_INFORMATIONAL }, inform)).not.toContain("err");
    exchange.release();
    expect([inform(), posted[0]?.informational?.length]).toEqual(["err", MAX_INFORMATIONAL]);
  });

  test("refuses trailers that frame the message", ({ expect }) => {
    for (const name of ["content-length", "Trailer", "content-encoding"]) {
      const { exchange } = open();
      const { body } = respond(exchange);
      const trailers = unwrap(Fields.fromList([[name, Buffer.from("1")]]));
      expect(OutgoingBody.finish(body, trailers), name).toEqual({ tag: "err", val: { tag: "HTTP-protocol-error" } });
      expect(finish(exchange).failed, name).toMatch(/HTTP-protocol-error/);
    }
  });

  test("a response without a body may say how long it would be", ({ expect }) => {
    for (const status of [204, 304]) {
      const { exchange } = open();
      const response = new OutgoingResponse(suspend, promising(5));
      response.setStatusCode(status);
      ResponseOutparam.set(exchange.outparam, ok(response));
      expect(finish(exchange).failed, String(status)).toBeUndefined();
    }
  });

  test("refuses a second response", ({ expect }) => {
    const { exchange } = open();
    respond(exchange);
    expect(() => respond(exchange)).toThrow(/set before/);
  });
});
