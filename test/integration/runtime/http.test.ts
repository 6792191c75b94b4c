// RunningComponent.http(): requests reach the component and its responses come back, whole or as a stream with bounded
// buffers; every way in which a component or a client can fail ends in a typed error or in a clean end. With both kinds
// of glue.

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as tick } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import { bytes, mebibytes } from "../../../src/domain/units.ts";
import type { HttpRequest, HttpResponse } from "../../../src/lib/http-message.ts";
import type { InstanceOptions, RunningComponent } from "../../../src/runtime/contract.ts";
import { limits, openRuntime, type TestRuntime } from "./support.ts";
import { tempFolder } from "../../support/processes.ts";

const HELLO = "hello from a component\n";
const MEBIBYTE = 1_048_576;

const get = (path: string, more: Partial<HttpRequest> = {}): HttpRequest => ({
  method: "GET",
  scheme: "http",
  authority: "device.example",
  pathWithQuery: path,
  headers: [],
  body: undefined,
  ...more,
});

const post = (path: string, body: HttpRequest["body"], more: Partial<HttpRequest> = {}): HttpRequest =>
  get(path, { method: "POST", body, ...more });

async function text({ body }: HttpResponse): Promise<string> {
  if (body instanceof Uint8Array) return Buffer.from(body).toString();
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** A client that can go away. */
function client(): Pick<HttpRequest, "onCancelable"> & { leave(reason: string): void } {
  let given: ((reason: Error) => void) | undefined;
  return {
    onCancelable: (cancel) => {
      given = cancel;
    },
    leave: (reason) => given?.(new Error(reason)),
  };
}

/** Gives what is put into it, and says how much was taken. */
function source(pieces: Iterable<Uint8Array>) {
  const state = { taken: 0, returned: false };
  async function* generate(): AsyncGenerator<Uint8Array> {
    try {
      for (const piece of pieces) {
        yield piece;
        state.taken += piece.byteLength;
      }
    } finally {
      state.returned = true;
    }
  }
  return { state, body: generate() };
}

function* repeat(piece: Uint8Array, times: number): Generator<Uint8Array> {
  for (let index = 0; index < times; index++) yield piece;
}

/** Resolves when `count` has not changed for some turns of the event loop. */
async function steady(count: () => number): Promise<void> {
  let seen = -1;
  for (let same = 0; same < 200;) {
    await tick();
    await new Promise((resolve) => setTimeout(resolve, 1));
    same = count() === seen ? same + 1 : 0;
    seen = count();
  }
}

describe.for(["own", "jco"] as const)("RunningComponent.http() with %s glue", (glue) => {
  let cache: AsyncDisposable & { readonly path: string };
  let runtime: TestRuntime;
  const start = (options: Partial<InstanceOptions> = {}): Promise<RunningComponent> => runtime.start("http", options);

  beforeAll(async () => {
    cache = await tempFolder();
    runtime = openRuntime(cache.path, { glue });
  });
  afterAll(async () => {
    await runtime[Symbol.asyncDispose]();
    await cache[Symbol.asyncDispose]();
  });

  test("brings a small response in one piece", async ({ expect }) => {
    await using component = await start();
    const response = await component.http(get("/hello"));
    expect(response).toMatchObject({ status: 200, headers: [["content-type", "text/plain"]] });
    expect(response.body).toBeInstanceOf(Uint8Array);
    expect(await text(response)).toBe(HELLO);
    expect(await component.http(get("/only"))).toMatchObject({ status: 200, headers: [], body: new Uint8Array() });
    expect(component.stats()).toMatchObject({ calls: 2, failures: 0, restarts: 0 });
  });

  test("brings trailers", async ({ expect }) => {
    await using component = await start();
    const response = await component.http(get("/trailers"));
    expect(await text(response)).toBe(HELLO);
    expect(response.trailers()).toEqual([["x-sum", "5"]]);
  });

  test("gives out the beginning of a response while the component waits", async ({ expect }) => {
    await using component = await start();
    const response = await component.http(get("/slow"));
    expect(response.body).not.toBeInstanceOf(Uint8Array);
    expect(await text(response)).toBe(HELLO + HELLO);
  });

  test("passes bodies of every size, inline and streamed, with trailers", async ({ expect }) => {
    await using component = await start();
    for (const size of [0, 1, 16_384, 65_536, 65_537, 3 * MEBIBYTE]) {
      const body = Buffer.alloc(size, "abcdefg");
      const whole = await component.http(post("/echo", body));
      expect((await text(whole)) === body.toString(), `${size} whole`).toBe(true);
      const streamed = await component.http(
        post("/echo", source([body.subarray(0, size / 3), body.subarray(size / 3)]).body, {
          trailers: () => [["x-end", "1"]],
        }),
      );
      expect((await text(streamed)) === body.toString(), `${size} streamed`).toBe(true);
      expect(streamed.trailers()).toEqual([["x-end", "1"]]);
    }
  });

  test("reads a request no faster than the component, and the component writes no faster than it is read", async ({
    expect,
  }) => {
    await using component = await start();
    const { state, body } = source(repeat(Buffer.alloc(65_536), 64));
    const response = await component.http(post("/echo", body));
    await steady(() => state.taken);
    // What is on its way in either direction, and nothing of the rest.
    expect(state.taken).toBeLessThanOrEqual(4 * 65_536);
    expect((await text(response)).length).toBe(64 * 65_536);
    expect(state.returned).toBe(true);
  });

  test("cuts off a body that is longer than it may be", async ({ expect }) => {
    await using component = await start();
    const { state, body } = source(repeat(Buffer.alloc(65_536), 64));
    // 517: HTTP-request-body-size
    expect(await component.http(post("/why", body, { maxBody: bytes(100_000) }))).toMatchObject({ status: 517 });
    expect(state.returned).toBe(true);
    expect(await component.http(post("/why", source([Buffer.alloc(9)]).body, { maxBody: bytes(9) }))).toMatchObject({
      status: 200,
    });
  });

  test("tells the component that a body broke off", async ({ expect }) => {
    await using component = await start();
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("begin");
      throw new Error("the socket was closed");
    }
    // 507: connection-terminated
    expect(await component.http(post("/why", broken()))).toMatchObject({ status: 507 });
    expect(component.stats().failures).toBe(0);
  });

  test("a body that nobody reads is not read", async ({ expect }) => {
    await using component = await start();
    const { state, body } = source(repeat(Buffer.alloc(65_536), 64));
    expect(await text(await component.http(post("/hello", body)))).toBe(HELLO);
    expect(state.taken).toBe(0);
  });

  test("an answer that is missing, an error, or not complete is ERR_COMPONENT_RESPONSE, and the instance stays", async ({
    expect,
  }) => {
    await using component = await start();
    for (const [path, message] of [
      ["/none", /returned without a response/],
      ["/None", /returned without a response/],
      ["/refuse", /answered with the error internal-error: on purpose/],
      ["/incomplete", /returned before the end of the response's body/],
      ["/xdrop", /dropped before its end/],
      ["/content-length", /HTTP-response-body-size/],
    ] as const) {
      await expect(component.http(get(path)), path).rejects.toMatchObject({ code: "ERR_COMPONENT_RESPONSE", message });
    }
    expect(await text(await component.http(get("/hello")))).toBe(HELLO);
    expect(component.stats()).toMatchObject({ failures: 6, restarts: 0, degraded: false });
  });

  test("a trap, also by a second response, is ERR_COMPONENT_TRAP", async ({ expect }) => {
    await using component = await start();
    for (const path of ["/unreachable", "/double"]) {
      await expect(component.http(get(path)), path).rejects.toMatchObject({ code: "ERR_COMPONENT_TRAP" });
    }
    expect(await text(await component.http(get("/hello")))).toBe(HELLO);
    expect(component.stats()).toMatchObject({ failures: 2, restarts: 2 });
  });

  test("a trap after the response began fails its body", async ({ expect }) => {
    await using component = await start();
    const response = await component.http(get("/after"));
    expect(response.status).toBe(200);
    await expect(text(response)).rejects.toMatchObject({ code: "ERR_COMPONENT_TRAP" });
    expect(await text(await component.http(get("/hello")))).toBe(HELLO);
  });

  test("a deadline ends a response that began, whether the component computes or waits", async ({ expect }) => {
    await using component = await start({ limits: limits({ deadline: 200 }) });
    for (const path of ["/loop", "/zzz"]) {
      const response = await component.http(get(path));
      await expect(text(response), path).rejects.toMatchObject({ code: "ERR_COMPONENT_DEADLINE" });
      expect(await text(await component.http(get("/hello"))), path).toBe(HELLO);
    }
  });

  test("a deadline ends a request whose client stands still", async ({ expect }) => {
    await using component = await start({ limits: limits({ deadline: 200 }) });
    const silent: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
    };
    await expect(component.http(post("/why", silent))).rejects.toMatchObject({ code: "ERR_COMPONENT_DEADLINE" });
    expect(await text(await component.http(get("/hello")))).toBe(HELLO);
  });

  test("clients that stand still do not degrade a component", async ({ expect }) => {
    await using component = await start({ limits: limits({ deadline: 100 }) });
    async function* stalling(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("x");
      await new Promise(() => {});
    }
    for (let index = 0; index < 4; index++) {
      await expect(component.http(post("/why", stalling()))).rejects.toMatchObject({ code: "ERR_COMPONENT_DEADLINE" });
      const unread = await component.http(get("/big"));
      while (component.stats().pending > 0) await tick();
      await expect(text(unread)).rejects.toThrow(/waiting for its client/);
    }
    expect(component.stats()).toMatchObject({ failures: 8, degraded: false, breaches: { deadline: 0 } });
    // What the component itself waits for is its own business.
    for (let index = 0; index < 3; index++) await expect(component.http(get("/zzz")).then(text)).rejects.toThrow();
    expect(component.stats().degraded).toBe(true);
  });

  test("a client that goes away ends the request, and the component works on", async ({ expect }) => {
    await using component = await start();
    // In the middle of the response, by its signal or by reading no further.
    const leaving = client();
    const first = await component.http(get("/big", leaving));
    leaving.leave("gone");
    await expect(text(first)).rejects.toThrow("gone");
    const second = await component.http(get("/big"));
    if (second.body instanceof Uint8Array) throw new Error("want a stream");
    for await (const chunk of second.body) {
      expect(chunk.byteLength).toBeGreaterThan(0);
      break;
    }
    // While the component reads the body.
    const during = client();
    const { state, body } = source(repeat(Buffer.alloc(65_536), 1));
    async function* stalling(): AsyncGenerator<Uint8Array> {
      yield* body;
      await new Promise(() => {});
    }
    const third = component.http(post("/why", stalling(), during));
    while (state.taken === 0) await tick();
    during.leave("left");
    await expect(third).rejects.toThrow("left");
    expect(await text(await component.http(get("/hello")))).toBe(HELLO);
    expect(component.stats()).toMatchObject({ failures: 0, restarts: 0, pending: 0 });
  });

  test("a client that goes away before its turn has none", async ({ expect }) => {
    await using component = await start();
    const gone: HttpRequest["onCancelable"] = (cancel) => cancel(new Error("gone before"));
    await expect(component.http(get("/unreachable", { onCancelable: gone }))).rejects.toThrow("gone before");
    const leaving = [client(), client(), client()];
    const busy = await component.http(get("/slow"));
    const waiting = leaving.map((one) => component.http(get("/unreachable", one)));
    for (const one of leaving) one.leave("left");
    for (const outcome of await Promise.allSettled(waiting)) expect(outcome).toMatchObject({ status: "rejected" });
    expect(await text(busy)).toBe(HELLO + HELLO);
    expect(await text(await component.http(get("/hello")))).toBe(HELLO);
    expect(component.stats()).toMatchObject({ failures: 0, restarts: 0, pending: 0 });
  });

  test("refuses more than may wait, and what the component does not serve", async ({ expect }) => {
    await using component = await start({ limits: limits({ queue: 2 }) });
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => component.http(get("/slow"))));
    const codes = outcomes.map((one) => (one.status === "rejected" ? (one.reason as { code: string }).code : "ok"));
    expect(codes).toEqual(["ok", "ok", "ok", ...Array<string>(3).fill("ERR_COMPONENT_BUSY")]);
    await using other = await runtime.start("wasi");
    await expect(other.http(get("/"))).rejects.toMatchObject({ code: "ERR_EXPORT_MISSING" });
    await expect(component.http(get("/hello", { headers: [["a", "\0"]] }))).rejects.toMatchObject({
      code: "ERR_LINK_INVALID",
    });
  });

  test("stopping the component ends its requests", async ({ expect }) => {
    const component = await start();
    const response = await component.http(get("/zzz"));
    const waiting = component.http(get("/hello"));
    const ended = Promise.all([
      expect(text(response)).rejects.toMatchObject({ code: "ERR_COMPONENT_STOPPED" }),
      expect(waiting).rejects.toMatchObject({ code: "ERR_COMPONENT_STOPPED" }),
    ]);
    await component[Symbol.asyncDispose]();
    await ended;
    await expect(component.http(get("/hello"))).rejects.toMatchObject({ code: "ERR_COMPONENT_STOPPED" });
  });

  test("requests run side by side on several instances", async ({ expect }) => {
    await using component = await start({ limits: { ...limits({}), instances: 4 } });
    const responses = await Promise.all(Array.from({ length: 8 }, () => component.http(get("/slow"))));
    for (const response of responses) expect(await text(response)).toBe(HELLO + HELLO);
    expect(component.stats().instances).toBe(4);
  });

  test("a component asks other servers as far as it is granted", async ({ expect }) => {
    const server = createServer((asked, response) => {
      if (asked.url === "/silent") return;
      response.statusCode = 203;
      if (asked.method === "POST") asked.pipe(response);
      else response.end("x".repeat(200_000));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const target = `127.0.0.1:${(server.address() as AddressInfo).port}`;
      const headers = (path: string): HttpRequest["headers"] => [
        ["target", target],
        ["path", path],
      ];
      await using component = await start({ grants: { folders: [], network: [target] } });
      const response = await component.http(get("/forward", { headers: headers("/a?b") }));
      expect([response.status, (await text(response)).length]).toEqual([203, 200_000]);
      const body = Buffer.alloc(mebibytes(1), "0123456789");
      const echoed = await component.http(post("/post", body, { headers: headers("/") }));
      expect([echoed.status, (await text(echoed)) === body.toString()]).toEqual([203, true]);
      // 509: connection-read-timeout; 515: HTTP-request-denied
      expect(await component.http(get("/quick", { headers: headers("/silent") }))).toMatchObject({ status: 509 });
      await using denied = await start({ grants: { folders: [], network: ["127.0.0.1:1"] } });
      expect(await denied.http(get("/forward", { headers: headers("/") }))).toMatchObject({ status: 515 });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
