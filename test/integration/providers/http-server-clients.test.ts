// Pins what the http-server provider does with clients of every kind, and how its links come and go. Functions stand for
// components.

import { once } from "node:events";
import { copyFile, link, readFile, stat, writeFile } from "node:fs/promises";
import { Agent, request, type IncomingMessage } from "node:http";
import { request as requestTls, type RequestOptions } from "node:https";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";
import { describe, test } from "vitest";
import { createHttpServerProvider, type HttpServerProvider } from "../../../providers/http-server/index.ts";
import { seconds } from "../../../src/domain/units.ts";
import type { HttpRequest, HttpResponse } from "../../../src/lib/http-message.ts";
import { createAuthority } from "../../support/certificates.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { tempFolder } from "../../support/processes.ts";
import { recordingLogger, startProvider, type BoundLink, type RigOptions } from "../../support/provider-rig.ts";
import { head, rawClient, rawRequest, untilAnswered } from "../../support/raw-http.ts";
import { waitFor } from "../../support/wait-for.ts";

type Config = Readonly<Record<string, unknown>>;

const answer = (body: string, status = 200): HttpResponse => ({
  status,
  headers: [],
  body: Buffer.from(body),
  trailers: () => [],
});

/** Says who it is and what it was asked for. */
const named =
  (name: string) =>
  async ({ method, pathWithQuery }: HttpRequest): Promise<HttpResponse> =>
    answer(`${name} ${method} ${pathWithQuery}`);

/** Reads the whole body, and fails when that fails. */
const reading = async ({ body = Buffer.alloc(0), maxBody }: HttpRequest): Promise<HttpResponse> => {
  let size = 0;
  if (body instanceof Uint8Array) size = body.byteLength;
  else for await (const chunk of body) size += chunk.byteLength;
  if (size > (maxBody ?? Infinity)) throw new Error("it was cut off");
  return answer(String(size));
};

/** A component whose requests the test answers one by one. */
function held() {
  const asked: { path: string | undefined; answer: (body: string) => void; gone: Promise<Error> }[] = [];
  const http = async ({ pathWithQuery, onCancelable }: HttpRequest): Promise<HttpResponse> => {
    const response = Promise.withResolvers<HttpResponse>();
    const gone = Promise.withResolvers<Error>();
    onCancelable?.((reason) => {
      gone.resolve(reason);
      response.reject(reason);
    });
    asked.push({ path: pathWithQuery, answer: (body) => response.resolve(answer(body)), gone: gone.promise });
    return await response.promise;
  };
  const next = async (count = 1): Promise<(typeof asked)[number]> =>
    await waitFor(`request ${count}`, () => asked[count - 1]);
  return { http, next, asked };
}

async function open(config: Config = {}, rigOptions: RigOptions = {}) {
  const rig = await startProvider(createHttpServerProvider, { listen: "127.0.0.1:0", ...config }, rigOptions);
  const { ports } = rig.provider as HttpServerProvider;
  const [port = 0] = ports;
  return {
    ...rig,
    port,
    ports: () => (rig.provider as HttpServerProvider).ports,
    link: async (http: (asked: HttpRequest) => Promise<HttpResponse>, options: Config = {}): Promise<BoundLink> =>
      await rig.bind({ http, config: options }),
  };
}

const statusOf = (response: string): string => response.slice(9, 12);
const bodyOf = (response: string): string => response.slice(response.indexOf("\r\n\r\n") + 4);

describe("routes of http-server", () => {
  test("the most specific host and the longest path decide", async ({ expect }) => {
    await using site = await open();
    await site.link(named("any"));
    await site.link(named("api"), { paths: ["/api", "/v2/"], strip_path: true });
    await site.link(named("deep"), { paths: "/api/deep" });
    await site.link(named("host"), {
      hosts: ["Gateway.local", "*.gateway.local"],
      paths: "/x",
      methods: ["GET", "HEAD"],
    });
    const ask = async (line: string, host = "other:80"): Promise<string> => {
      const response = await rawClient(site.port, `${line} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`).end;
      return statusOf(response) === "200" ? bodyOf(response) : statusOf(response);
    };
    expect(await ask("GET /")).toBe("any GET /");
    expect(await ask("OPTIONS *")).toBe("any OPTIONS *");
    expect(await ask("GET /api")).toBe("api GET /");
    expect(await ask("GET /api?q=/deep")).toBe("api GET /?q=/deep");
    expect(await ask("POST /v2/a/b")).toBe("api POST /a/b");
    expect(await ask("GET /apis")).toBe("any GET /apis");
    expect(await ask("GET /api/deep/er")).toBe("deep GET /api/deep/er");
    expect(await ask("GET /x", "a.b.GATEWAY.local:8080")).toBe("host GET /x");
    expect(await ask("GET http://gateway.local/x", "other")).toBe("host GET /x");
    expect(await ask("GET /y", "gateway.local")).toBe("any GET /y");
    expect(await ask("POST /x", "gateway.local")).toBe("405");
    expect(await ask("HEAD /x", "gateway.local")).toBe("");
  });

  test("what nobody serves is 404, with a line that says so", async ({ expect }) => {
    await using site = await open();
    await site.link(named("api"), { paths: "/api" });
    const response = await rawRequest(site.port, "GET /");
    expect([statusOf(response), bodyOf(response)]).toEqual([
      "404",
      "404 Not Found: Nothing is served at this host and path\n",
    ]);
    expect(bodyOf(await rawRequest(site.port, "HEAD /"))).toBe("");
    // A connection stays, whatever was refused on it.
    const client = rawClient(site.port, head("POST /", "content-length: 3") + "abc" + head("GET /api"));
    await untilAnswered(client, 1);
    client.socket.destroy();
  });

  test("two links at one place are a conflict, also on an address of their own", async ({ expect }) => {
    await using site = await open();
    await site.link(named("a"), { paths: ["/a", "/b"] });
    const conflict = { code: "ERR_LINK_INVALID", message: expect.stringContaining('"/b" of 127.0.0.1:0') as string };
    await expect(site.link(named("b"), { paths: ["/c", "/b"] })).rejects.toMatchObject(conflict);
    const address = "localhost:0";
    await site.link(named("c"), { address, hosts: ["one"] });
    await site.link(named("d"), { address, hosts: ["two"] });
    await expect(site.link(named("e"), { address, hosts: ["two"] })).rejects.toMatchObject({
      code: "ERR_LINK_INVALID",
    });
    expect(site.ports()).toHaveLength(2);
  });

  test("an address that is taken is a fault that may pass", async ({ expect }) => {
    await using site = await open();
    const fault = { code: "ERR_PROVIDER_START", message: expect.stringContaining("EADDRINUSE") as string };
    await expect(open({ listen: `127.0.0.1:${site.port}` })).rejects.toMatchObject(fault);
    await using other = await open({ listen: [] });
    await expect(other.link(named("a"), { address: `127.0.0.1:${site.port}` })).rejects.toMatchObject(fault);
    await other.link(named("a"), { address: "127.0.0.1:0" });
    expect(bodyOf(await rawRequest(other.ports()[0] ?? 0, "GET /"))).toBe("a GET /");
  });

  test("a Unix socket is served, and one that was left behind is taken over", async ({ expect }) => {
    await using folder = await tempFolder();
    const path = join(folder.path, "web.sock");
    {
      await using site = await open({ listen: [`unix:${path}`] });
      await site.link(named("a"));
      expect((await stat(path)).mode & 0o777).toBe(0o660);
      expect(bodyOf(await rawRequest(path, "GET /"))).toBe("a GET /");
      await expect(open({ listen: [`unix:${path}`] })).rejects.toMatchObject({ code: "ERR_PROVIDER_START" });
    }
    // A killed process leaves its socket: the name of one whose server is gone.
    const left = createServer().listen(join(folder.path, "left.sock"));
    await once(left, "listening");
    await link(join(folder.path, "left.sock"), path);
    left.close();
    await once(left, "close");
    await using again = await open({ listen: [`unix:${path}`] });
    await again.link(named("b"));
    expect(bodyOf(await rawRequest(path, "GET /"))).toBe("b GET /");
  });
});

describe("limits of http-server", () => {
  test("a header that does not come is given up, and so is a request that comes drop by drop", async ({ expect }) => {
    await using site = await open({ header_timeout: "200ms", request_timeout: "400ms" });
    await site.link(reading);
    const silent = rawClient(site.port);
    const slow = rawClient(site.port, "GET / HTTP/1.1\r\nhost: a\r\n");
    const drip = setInterval(() => slow.socket.write("x: y\r\n"), 50);
    const body = rawClient(site.port, head("POST /", "content-length: 100000"));
    const drops = setInterval(() => body.socket.write("x"), 50);
    try {
      for (const client of [silent, slow, body]) expect(statusOf(await client.end)).toBe("408");
    } finally {
      clearInterval(drip);
      clearInterval(drops);
    }
    expect(bodyOf(await slow.end)).toBe("408 Request Timeout: The request did not come in time\n");
  });

  test("a connection without a request ends after keep_alive", async ({ expect }) => {
    await using site = await open({ keep_alive: "50ms" });
    await site.link(named("a"));
    const client = rawClient(site.port, head("GET /"));
    expect(statusOf(await client.end)).toBe("200");
  });

  test("what is too long, or no HTTP, is refused", async ({ expect }) => {
    await using site = await open({ max_header_size: "2KiB" });
    await site.link(reading, { max_body: "1KiB" });
    expect(statusOf(await rawRequest(site.port, "GET /", `x: ${"y".repeat(3000)}`))).toBe("431");
    expect(statusOf(await rawRequest(site.port, "POST /", "content-length: 1025"))).toBe("413");
    const chunked = rawClient(site.port, head("POST /", "transfer-encoding: chunked"));
    chunked.socket.write(`401\r\n${"z".repeat(1025)}\r\n0\r\n\r\n`);
    await waitFor("a response", () => chunked.received() !== "");
    expect(statusOf(chunked.received())).toBe("413");
    chunked.socket.destroy();
    expect(statusOf(await rawClient(site.port, "HELO gateway\r\n\r\n").end)).toBe("400");
    expect(statusOf(await rawClient(site.port, "GET / HTTP/1.1\r\n\r\n").end)).toBe("400");
    expect(statusOf(await rawClient(site.port, head("CONNECT other:443")).end)).toBe("405");
    // Two lengths are how requests are smuggled.
    const both = head("POST /", "content-length: 3", "transfer-encoding: chunked");
    expect(statusOf(await rawClient(site.port, both).end)).toBe("400");
  });

  test("a client that resets its refused connection does no harm", async ({ expect }) => {
    await using site = await open();
    await site.link(named("a"));
    const refused = Array.from({ length: 20 }, () => rawClient(site.port, head("CONNECT other:443")));
    for (const client of refused.slice(0, 10)) client.socket.once("connect", () => client.socket.resetAndDestroy());
    for (const client of refused.slice(10)) client.socket.once("data", () => client.socket.resetAndDestroy());
    for (const client of refused) await client.end;
    expect(bodyOf(await rawRequest(site.port, "GET /"))).toBe("a GET /");
  });

  test.for([
    ["refused", head("CONNECT other:443")],
    ["too slow", "GET / HTTP/1.1\r\n"],
  ])("a client that is %s and does not close takes no connection from others", async ([, sent = ""], { expect }) => {
    await using site = await open({ max_connections: 2, header_timeout: "100ms", request_timeout: "100ms" });
    await site.link(named("a"));
    const clients = [1, 2].map(() => connect({ port: site.port, host: "127.0.0.1", allowHalfOpen: true }));
    try {
      for (const client of clients) {
        client.on("error", () => {}).resume();
        client.write(sent);
      }
      await Promise.all(clients.map((client) => once(client, "end")));
      const isServed = async (): Promise<boolean> => statusOf(await rawRequest(site.port, "GET /")) === "200";
      expect(await waitFor("a connection to be free", isServed)).toBe(true);
    } finally {
      for (const client of clients) client.destroy();
    }
  });

  test("a body is not asked for when it is too long", async ({ expect }) => {
    await using site = await open();
    await site.link(reading, { max_body: "1KiB" });
    const expecting = (length: number): string => head("POST /", "expect: 100-continue", `content-length: ${length}`);
    expect(await rawClient(site.port, expecting(1025)).end).toMatch(/^HTTP\/1\.1 413 /);
    const client = rawClient(site.port, expecting(3));
    await waitFor("the go-ahead", () => client.received().startsWith("HTTP/1.1 100 Continue\r\n\r\n"));
    client.socket.write("abc");
    await untilAnswered(client, 1);
    client.socket.destroy();
  });

  test("connections and requests are bounded, and those of one client", async ({ expect }) => {
    const log = recordingLogger();
    await using site = await open({ max_connections: 4, max_client_connections: 3, max_requests: 2 }, { log });
    const { http, next, asked } = held();
    await site.link(http);
    const clients = Array.from({ length: 3 }, () => rawClient(site.port, head("GET /")));
    // The third request is refused, the fourth connection is closed.
    await next(2);
    await waitFor("the refusal", () => clients.some((client) => client.received() !== ""));
    const refused = clients.find((client) => client.received() !== "");
    expect(refused?.received()).toMatch(/^HTTP\/1\.1 503 [^]*retry-after: 1\r\n/);
    expect(await rawClient(site.port, head("GET /")).end).toBe("");
    expect(log.records.map(({ fields }) => fields["limit"])).toContain("max_client_connections");
    refused?.socket.destroy();
    await refused?.end;
    (await next(1)).answer("one");
    (await next(2)).answer("two");
    // The server may learn later than its client that a connection is gone.
    const again = await waitFor("room for another", async () => {
      const client = rawClient(site.port, head("GET /again"));
      const isIn = waitFor("its request", () => asked.length === 3);
      return (await Promise.race([isIn, client.end])) === true && client;
    });
    (await next(3)).answer("three");
    await untilAnswered(again, 1);
    for (const client of [...clients, again]) client.socket.destroy();
  });
});

describe("connections of http-server", () => {
  test("requests that do not wait for responses are served one after another, in order", async ({ expect }) => {
    await using site = await open();
    const { http, next, asked } = held();
    await site.link(http);
    const client = rawClient(site.port, head("GET /1") + head("GET /2") + head("POST /3", "content-length: 1") + "x");
    const first = await next(1);
    expect(asked).toHaveLength(1);
    first.answer("one");
    (await next(2)).answer("two");
    (await next(3)).answer("three");
    await untilAnswered(client, 3);
    expect(client.received().match(/one|two|three/g)).toEqual(["one", "two", "three"]);
    expect(asked.map(({ path }) => path)).toEqual(["/1", "/2", "/3"]);
    // Whoever sends without end is cut off, and what is being served is told.
    client.socket.write(head("GET /4") + head("GET /more").repeat(100));
    const last = await next(4);
    expect((await last.gone).message).toBe("The client is gone");
    await client.end;
    expect(asked).toHaveLength(4);
  });

  test("one connection serves many requests", async ({ expect }) => {
    await using site = await open();
    await site.link(named("a"));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    for (let count = 0; count < 20; count++) {
      const asked = request({ port: site.port, host: "127.0.0.1", agent, path: `/${count}` }).end();
      const [response] = (await once(asked, "response")) as [IncomingMessage];
      ports.add(response.socket.localPort);
      expect(await text(response)).toBe(`a GET /${count}`);
    }
    agent.destroy();
    expect(ports.size).toBe(1);
  });

  test("TLS: a renewed certificate is taken up, a damaged one is not, and clients may have to show theirs", async ({
    expect,
  }) => {
    await using folder = await tempFolder();
    const authority = await createAuthority(folder.path);
    const [first, second] = [await authority.server("first"), await authority.server("second")];
    const own = await authority.client("client");
    const files = { cert_file: join(folder.path, "cert.pem"), key_file: join(folder.path, "key.pem") };
    const install = async ({ cert, key }: { cert: string; key: string }): Promise<void> => {
      await copyFile(cert, files.cert_file);
      await copyFile(key, files.key_file);
    };
    await install(first);
    const clock = createFakeClock();
    const log = recordingLogger();
    await using site = await open({ tls: { ...files, client_ca_file: authority.ca } }, { clock, log });
    await site.link(async ({ scheme }) => answer(scheme ?? ""));
    const [ca, cert, key] = await Promise.all([readFile(authority.ca), readFile(own.cert), readFile(own.key)]);
    const ask = async (more: RequestOptions = { cert, key }): Promise<[string, string]> => {
      const asked = requestTls({ port: site.port, host: "127.0.0.1", ca, agent: false, ...more }).end();
      const [response] = (await once(asked, "response")) as [IncomingMessage];
      const { socket } = response as IncomingMessage & { socket: TLSSocket };
      return [await text(response), String(socket.getPeerCertificate().subject?.CN)];
    };
    expect(await ask()).toEqual(["https", "first"]);
    await expect(ask({})).rejects.toThrow();
    // What is no TLS has no answer, and no connection for long.
    expect(await rawClient(site.port, head("GET /")).end).not.toContain("HTTP/1.1");
    const settle = async (message: string): Promise<void> => {
      await waitFor(message, async () => {
        await clock.advance(seconds(2));
        return log.records.some((entry) => entry.message === message);
      });
    };
    await clock.advance(seconds(2));
    await install(second);
    await settle("Certificate renewed");
    expect(await ask()).toEqual(["https", "second"]);
    await writeFile(files.cert_file, "no certificate");
    await settle("A renewed certificate cannot be used, the one before stays");
    expect(await ask()).toEqual(["https", "second"]);
    await expect(open({ tls: files })).rejects.toMatchObject({ code: "ERR_PROVIDER_START" });
  });
});

describe("links of http-server that come and go", () => {
  test("a component is replaced without a request lost", async ({ expect }) => {
    await using site = await open();
    const [before, after] = [held(), held()];
    const old = await site.link(before.http);
    const running = rawClient(site.port, head("GET /running"));
    const { answer: finish } = await before.next();
    let unbound = false;
    const unbinding = old[Symbol.asyncDispose]().then(() => (unbound = true));
    const waiting = rawClient(site.port, head("GET /waiting"));
    await waitFor("the connection", () => waiting.socket.readyState === "open");
    expect(unbound).toBe(false);
    finish("old");
    await unbinding;
    await untilAnswered(running, 1);
    await site.link(after.http);
    (await after.next()).answer("new");
    await untilAnswered(waiting, 1);
    expect(bodyOf(waiting.received())).toBe("new");
    // The connection that the old one served on serves the new one.
    running.socket.write(head("GET /again"));
    (await after.next(2)).answer("again");
    await untilAnswered(running, 2);
    expect(before.asked).toHaveLength(1);
    for (const client of [running, waiting]) client.socket.destroy();
  });

  test("requests wait for a successor no longer than the grace, then there is nothing", async ({ expect }) => {
    const clock = createFakeClock();
    await using site = await open({ link_grace: "5s" }, { clock });
    const bound = await site.link(named("a"), { address: "localhost:0", paths: "/a" });
    const [, port = 0] = site.ports();
    await bound[Symbol.asyncDispose]();
    await site.link(named("b"));
    const other = await site.link(named("c"), { paths: "/c" });
    await other[Symbol.asyncDispose]();
    const waiting = rawClient(port, head("GET /a", "connection: close"));
    await waitFor("the connection", () => waiting.socket.readyState === "open");
    // Answered after the other one has come.
    expect(statusOf(await rawRequest(port, "GET /"))).toBe("404");
    await clock.advance(seconds(5));
    expect(statusOf(await waiting.end)).toBe("503");
    expect(bodyOf(await rawRequest(site.port, "GET /c"))).toBe("b GET /c");
    // The address that only the link had is closed.
    await waitFor("the address to close", () => site.ports().length === 1);
    expect(await rawRequest(port, "GET /a")).toBe("");
  });

  test("what goes on for too long is given up when its link ends", async ({ expect }) => {
    const clock = createFakeClock();
    await using site = await open({ drain_timeout: "10s" }, { clock });
    const { http, next } = held();
    const bound = await site.link(http);
    const client = rawClient(site.port, head("GET /"));
    const { gone } = await next();
    const unbinding = bound[Symbol.asyncDispose]();
    await clock.advance(seconds(10));
    await unbinding;
    expect((await gone).message).toBe("The component is being stopped");
    expect(await client.end).toMatch(/^HTTP\/1\.1 503 [^]*connection: close/);
  });

  test("the end of the provider lets requests end, and takes no new ones", async ({ expect }) => {
    const site = await open();
    const { http, next } = held();
    await site.link(http);
    const idle = rawClient(site.port);
    await waitFor("the connection", () => idle.socket.readyState === "open");
    const client = rawClient(site.port, head("GET /"));
    const { answer: finish } = await next();
    const ending = site[Symbol.asyncDispose]();
    await idle.end;
    expect(await rawRequest(site.port, "GET /")).toBe("");
    finish("done");
    expect(bodyOf(await client.end)).toBe("done");
    await ending;
  });
});
