import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { describe, test } from "vitest";
import { bytes, millis, seconds, type HttpFields, type HttpRequest, type HttpResponse } from "#provider";
import { serveRequest, targetOf } from "./serve.ts";

const SOON = millis(50);

/** A server whose component is `http`. */
async function open(http: (request: HttpRequest) => Promise<HttpResponse>, patience = seconds(10)) {
  const failures: number[] = [];
  const onFailure = (status: number): void => void failures.push(status);
  const deps = { http, maxBody: bytes(300_000), patience, onFailure };
  const server = createServer((asked, answer) => void serveRequest({ asked, answer }, targetOf(asked), deps));
  server.listen(0, "127.0.0.1");
  const first = Promise.withResolvers<Socket>();
  server.once("connection", first.resolve);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    failures,
    /** The first one, as the server has it. */
    connection: first.promise,
    /** Sends the head of a request. */
    ask: (head: string): Socket => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.write(`${head}\r\nhost: a\r\n\r\n`);
      return socket;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const answering =
  (status: number, headers: HttpFields, more: Partial<HttpResponse> = {}) =>
  (): Promise<HttpResponse> =>
    Promise.resolve({ status, headers, body: new Uint8Array(), trailers: () => [], ...more });

/** Reads the body of a request, and fails with what it is cancelled with. */
function reading() {
  const seen: string[] = [];
  const http = async ({ body, onCancelable }: HttpRequest): Promise<HttpResponse> => {
    const cancelled = Promise.withResolvers<never>();
    onCancelable?.((reason) => {
      seen.push(reason.message);
      cancelled.reject(reason);
    });
    const read = async (): Promise<HttpResponse> => {
      if (body === undefined || body instanceof Uint8Array) seen.push("whole");
      else for await (const chunk of body) seen.push(String(chunk.byteLength));
      return answering(200, [])();
    };
    return Promise.race([read(), cancelled.promise]);
  };
  return { seen, http };
}

describe("serveRequest()", () => {
  test("gives a client up that sends no more, before the component sees a short body", async ({ expect }) => {
    const { seen, http } = reading();
    await using site = await open(http, SOON);
    const short = site.ask("POST / HTTP/1.1\r\ncontent-length: 9");
    expect(await text(short)).toMatch(/^HTTP\/1\.1 408 [^]*connection: close/i);
    expect(seen).toEqual([]);
    const long = site.ask("POST / HTTP/1.1\r\ncontent-length: 200000");
    long.write("abc");
    expect(await text(long)).toMatch(/^HTTP\/1\.1 408 [^]*connection: close/i);
    expect(seen).toEqual(["3", "The client is too slow"]);
    expect(site.failures).toEqual([]);
  });

  test("gives a client up that takes nothing of a response", async ({ expect }) => {
    const ended = Promise.withResolvers<void>();
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield new Uint8Array(65_536);
      } finally {
        ended.resolve();
      }
    }
    await using site = await open(() => answering(200, [], { body: endless() })(), SOON);
    const socket = site.ask("GET / HTTP/1.1");
    await ended.promise;
    socket.destroy();
    await using whole = await open(answering(200, [], { body: new Uint8Array(64 * 1024 ** 2) }), SOON);
    const closed = whole.connection.then((one) => once(one, "close"));
    whole.ask("GET / HTTP/1.1");
    await closed;
    expect(site.failures).toEqual([]);
  });

  test("waits for a component as long as it takes", async ({ expect }) => {
    const asked = Promise.withResolvers<HttpResponse>();
    await using site = await open(() => asked.promise, millis(1));
    const socket = site.ask("GET / HTTP/1.1\r\nconnection: close");
    const connection = await site.connection;
    for (let waits = 0; waits < 3; waits++) await once(connection, "timeout");
    asked.resolve(answering(200, [])());
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("a trailer header without trailers is left out, and one with them is not", async ({ expect }) => {
    const head = "GET / HTTP/1.1\r\nconnection: close";
    const promised: HttpFields = [["Trailer", "x-sum"]];
    async function* streamed(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("ab");
    }
    const cases: [HttpFields, Partial<HttpResponse>][] = [
      [promised, {}],
      [[...promised, ["content-length", "2"]], { body: streamed() }],
      [[...promised, ["content-length", "2"]], { body: Buffer.from("ab"), trailers: () => [["x-sum", "1"]] }],
    ];
    for (const [headers, more] of cases) {
      await using site = await open(answering(200, headers, more));
      expect(await text(site.ask(head))).toMatch(/^HTTP\/1\.1 200 (?![^]*(trailer|x-sum))/i);
    }
    await using site = await open(answering(200, promised, { body: streamed(), trailers: () => [["x-sum", "1"]] }));
    expect(await text(site.ask(head))).toMatch(/trailer: x-sum[^]*x-sum: 1\r\n\r\n$/i);
    await using old = await open(answering(200, promised, { body: streamed() }));
    expect(await text(old.ask("GET / HTTP/1.0"))).toMatch(/^HTTP\/1\.1 200 (?![^]*trailer)/i);
  });

  test("a hint that Node refuses is left out, and the response comes", async ({ expect }) => {
    await using site = await open(({ onInformational }) => {
      for (const link of ["no link", "</style.css>; rel=preload"]) onInformational?.(103, [["Link", link]]);
      return answering(200, [])();
    });
    const answer = await text(site.ask("GET / HTTP/1.1\r\nconnection: close"));
    expect(answer).toMatch(/^HTTP\/1\.1 103 [^]*style\.css[^]*HTTP\/1\.1 200 /);
    expect(answer).not.toContain("no link");
    expect(site.failures).toEqual([]);
  });

  test("a response without a body has no length", async ({ expect }) => {
    for (const status of [204, 304]) {
      await using site = await open(answering(status, [["Content-Length", "5"]]));
      const answer = await text(site.ask("GET / HTTP/1.1\r\nconnection: close"));
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(answer).not.toMatch(/content-length/i);
    }
  });
});
