// Pins the http-server provider in front of a real component, as HTTP clients see it.

import { once } from "node:events";
import { request as requestPlain, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { setImmediate as tick } from "node:timers/promises";
import { buffer, text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { HttpServerProvider } from "../../../providers/http-server/index.ts";
import { createHttpServerProvider } from "../../../providers/http-server/index.ts";
import type { InstanceOptions, RunningComponent } from "../../../src/runtime/contract.ts";
import { tempFolder } from "../../support/processes.ts";
import { recordingLogger, startProvider, type RecordedLog } from "../../support/provider-rig.ts";
import { limits, openRuntime, type TestRuntime } from "../runtime/support.ts";

const HELLO = "hello from a component\n";
const MAX_BODY = 300_000;

interface Site extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly entries: readonly RecordedLog[];
  readonly component: RunningComponent;
}

describe("createHttpServerProvider()", () => {
  let cache: AsyncDisposable & { readonly path: string };
  let runtime: TestRuntime;

  beforeAll(async () => {
    cache = await tempFolder();
    runtime = openRuntime(cache.path);
  });
  afterAll(async () => {
    await runtime[Symbol.asyncDispose]();
    await cache[Symbol.asyncDispose]();
  });

  async function open(options: Partial<InstanceOptions> = {}): Promise<Site> {
    await using stack = new AsyncDisposableStack();
    const component = stack.use(await runtime.start("http", options));
    const log = recordingLogger();
    // A client that is still there does not hold a test up.
    const config = { listen: "127.0.0.1:0", access_log: "off", drain_timeout: "10ms" };
    const rig = stack.use(await startProvider(createHttpServerProvider, config));
    const http = component.http.bind(component);
    stack.use(await rig.bind({ http, log, config: { max_body: `${MAX_BODY}B` } }));
    const [port = 0] = (rig.provider as HttpServerProvider).ports;
    const owned = stack.move();
    return {
      url: `http://127.0.0.1:${port}`,
      port,
      entries: log.records,
      component,
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  }

  /** Sends a request that fetch() could not, and gives the response. */
  async function send(
    site: Site,
    path: string,
    write: (out: ReturnType<typeof requestPlain>) => void,
    options: object = {},
  ): Promise<IncomingMessage> {
    const out = requestPlain(site.url + path, { agent: false, ...options });
    out.on("error", () => {});
    write(out);
    const [response] = (await once(out, "response")) as [IncomingMessage];
    return response;
  }

  test("answers with a length when the body is whole, and keeps the connection", async ({ expect }) => {
    await using site = await open();
    const response = await fetch(`${site.url}/hello`);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-length": String(HELLO.length),
      "content-type": "text/plain",
      connection: "keep-alive",
    });
    expect(await response.text()).toBe(HELLO);
    const head = await fetch(`${site.url}/hello`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  test("passes bodies, chunked or not, and trailers in both directions", async ({ expect }) => {
    await using site = await open();
    for (const size of [0, 10, 65_536, 250_000]) {
      const body = Buffer.alloc(size, "abcdefg");
      const response = await fetch(`${site.url}/echo`, { method: "POST", body });
      expect(Buffer.from(await response.arrayBuffer()).equals(body), `${size} bytes`).toBe(true);
    }
    const response = await send(
      site,
      "/echo",
      (out) => {
        out.write("in ");
        out.addTrailers([["x-end", "yes"]]);
        out.end("pieces");
      },
      { method: "POST", headers: { "transfer-encoding": "chunked", trailer: "x-end" } },
    );
    expect([await text(response), response.trailers["x-end"]]).toEqual(["in pieces", "yes"]);
  });

  test("takes a target that names the authority", async ({ expect }) => {
    await using site = await open();
    const response = await send(site, "", (out) => out.end(), { path: "http://other.example/hello" });
    expect([response.statusCode, await text(response)]).toEqual([200, HELLO]);
  });

  test("sends what there is while the component waits", async ({ expect }) => {
    await using site = await open();
    const response = await send(site, "/zzz", (out) => out.end());
    const [chunk] = (await once(response, "data")) as [Buffer];
    expect(chunk.toString()).toBe(HELLO);
    response.destroy();
  });

  test("brings a long response whole, also to a client that is slow to read it", async ({ expect }) => {
    await using site = await open();
    const response = await send(site, "/big", (out) => out.end());
    response.pause();
    while (response.readableLength < response.readableHighWaterMark) await tick();
    expect((await buffer(response)).length).toBe(1_048_576);
  });

  test("refuses a body that is too long, at once when its length is known", async ({ expect }) => {
    await using site = await open();
    const known = await send(site, "/echo", (out) => out.write("x"), {
      method: "POST",
      headers: { "content-length": MAX_BODY + 1 },
    });
    expect([known.statusCode, known.headers.connection]).toEqual([413, "close"]);
    expect(site.component.stats().calls).toBe(0);
    const unknown = await send(
      site,
      "/why",
      (out) => {
        out.write(Buffer.alloc(MAX_BODY));
        out.write("x");
      },
      { method: "POST", headers: { "transfer-encoding": "chunked" } },
    );
    // 517: the component saw the error HTTP-request-body-size, and answered.
    expect([unknown.statusCode, unknown.headers.connection]).toEqual([517, "close"]);
  });

  test("tells a failure by its status, and logs it", async ({ expect }) => {
    await using site = await open({ limits: limits({ deadline: 200, queue: 1 }) });
    for (const [path, status] of [
      ["/none", 502],
      ["/unreachable", 500],
      ["/refuse", 502],
      ["/hello", 200],
    ] as const) {
      expect((await fetch(site.url + path)).status, path).toBe(status);
    }
    const slow = await Promise.all(Array.from({ length: 3 }, () => fetch(`${site.url}/why`, silentBody())));
    expect(slow.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([503, 504, 504]);
    expect(slow.find(({ status }) => status === 503)?.headers.get("retry-after")).toBe("1");
    expect(new Set(site.entries.map(({ message }) => message))).toEqual(new Set(["HTTP request failed"]));
    expect(new Set(site.entries.map(({ fields }) => fields["status"]))).toEqual(new Set([500, 502, 503, 504]));
  });

  test("breaks off a response that cannot be completed", async ({ expect }) => {
    await using site = await open();
    const response = await send(site, "/after", (out) => out.end());
    await expect(text(response)).rejects.toMatchObject({ code: "ECONNRESET" });
  });

  test("forgets a client that is gone", async ({ expect }) => {
    await using site = await open();
    const sockets: Socket[] = [];
    for (const request of [
      "GET /zzz HTTP/1.1\r\nhost: a\r\n\r\n",
      "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n",
      "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nx",
    ]) {
      const socket = connect(site.port, "127.0.0.1");
      socket.on("error", () => {});
      sockets.push(socket);
      socket.write(request);
      if (sockets.length === 1) await once(socket, "data");
    }
    // The first is being served, the second waits for it, the third has not all of its body.
    while (site.component.stats().pending < 2) await tick();
    for (const socket of sockets) socket.destroy();
    while (site.component.stats().pending > 1) await tick();
    expect(site.entries).toEqual([]);
  });
});

/** A body that begins and never ends. */
function silentBody(): RequestInit {
  const body = new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from("x")) });
  return { method: "POST", body, duplex: "half" };
}
