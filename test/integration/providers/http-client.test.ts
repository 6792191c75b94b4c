// The provider http-client, and what the runtime makes of its permits, against real servers: what is allowed is reached,
// what is not is refused before anything is sent, and each limit ends a request with the code that the standard has for it.

import { createServer as createSecureServer } from "node:https";
import { createServer as createNetServer } from "node:net";
import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, test } from "vitest";
import { WitError, type EgressPermit } from "#provider";
import { createHttpClientProvider } from "../../../providers/http-client/index.ts";
import { IncomingBody } from "../../../src/runtime/wasi/http/body.ts";
import { HttpFault, type ErrorCode } from "../../../src/runtime/wasi/http/error-code.ts";
import { RequestOptions } from "../../../src/runtime/wasi/http/outgoing-request.ts";
import { createAuthority } from "../../support/certificates.ts";
import {
  answer,
  failure,
  listen,
  openHttpOf,
  readAll,
  request,
  serve,
  trailersOf,
  unwrap,
  type OutgoingHttp,
} from "../../support/outgoing-http.ts";
import { tempFolder } from "../../support/processes.ts";
import { recordingLogger, startProvider } from "../../support/provider-rig.ts";
import { openRuntime } from "../runtime/support.ts";

const HANDLER = "wasi:http/outgoing-handler";

interface World extends AsyncDisposable {
  readonly http: OutgoingHttp;
  readonly log: ReturnType<typeof recordingLogger>;
  readonly asked: EgressPermit[];
  unlink(): Promise<void>;
}

/** A component's requests, linked to a provider; they do not take the way between threads. */
async function open(config: object, linkConfig: object = {}): Promise<World> {
  const stack = new AsyncDisposableStack();
  const log = recordingLogger();
  const rig = stack.use(await startProvider(createHttpClientProvider, config));
  const link = stack.use(await rig.bind({ config: linkConfig, log }));
  const asked: EgressPermit[] = [];
  const ask = async (wanted: object): Promise<EgressPermit> => {
    try {
      const permit = (await link.call(HANDLER, "handle", wanted)) as EgressPermit;
      asked.push(permit);
      return permit;
    } catch (error) {
      if (error instanceof WitError) throw new HttpFault(error.payload as ErrorCode);
      throw error;
    }
  };
  const http = stack.adopt(openHttpOf({ ask }), (one) => one[Symbol.dispose]());
  return {
    http,
    log,
    asked,
    unlink: async () => await link[Symbol.asyncDispose](),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** How the body of a response ended. */
async function bodyEnd(http: OutgoingHttp, authority: string, options?: RequestOptions, path = "/"): Promise<string> {
  const asked = request(authority);
  asked.setPathWithQuery(path);
  const answered = await answer(unwrap(http.handle(asked, options)));
  if (answered.tag === "err") return answered.val.tag;
  const response = answered.val;
  const body = unwrap(response.consume());
  const { end } = await readAll(unwrap(body.stream()));
  if (end === "closed") return end;
  const trailers = await trailersOf(IncomingBody.finish(body));
  return trailers.tag === "err" ? trailers.val.tag : "complete";
}

describe("http-client", () => {
  test("sends what the link allows, and refuses the rest before anything is connected", async ({ expect }) => {
    await using server = await serve((_asked, response) => response.writeHead(302, { location: "/x" }).end());
    await using other = await serve((_asked, response) => response.end());
    await using world = await open({}, { allow: [`http://${server.authority}`], methods: "GET, HEAD" });
    const { http } = world;
    // No redirect is followed.
    expect(await failure(http.handle(request(server.authority)))).toBe("status 302");
    expect(await failure(http.handle(request(other.authority)))).toBe("HTTP-request-denied");
    const secure = request(server.authority);
    secure.setScheme({ tag: "HTTPS" });
    expect(await failure(http.handle(secure))).toBe("HTTP-request-denied");
    const posted = request(server.authority);
    posted.setMethod({ tag: "post" });
    expect(await failure(http.handle(posted))).toBe("HTTP-request-denied");
    expect(other.sockets.size).toBe(0);
    expect(world.log.records).toMatchObject([{ level: "warn", message: "A request was refused" }]);
    // The settings were told once.
    expect(await failure(http.handle(request(server.authority)))).toBe("status 302");
    expect(world.asked.map(({ settings }) => settings !== undefined)).toEqual([true, false]);
    await world.unlink();
    expect(await failure(http.handle(request(server.authority)))).toBe("destination-unavailable");
  });

  test("allows nothing that is not named, and no link more than the provider", async ({ expect }) => {
    await using server = await serve((_asked, response) => response.end());
    await using bare = await open({});
    expect(await failure(bare.http.handle(request(server.authority)))).toBe("HTTP-request-denied");
    await using wide = await open({ allow: "https://*" }, { allow: "http://*:*" });
    expect(await failure(wide.http.handle(request(server.authority)))).toBe("HTTP-request-denied");
    await using own = await open({ allow: `http://${server.authority}` });
    expect(await failure(own.http.handle(request(server.authority)))).toBe("status 200");
  });

  test("lets no name lead to addresses that are not public, unless their network is named", async ({ expect }) => {
    await using server = await serve((_asked, response) => response.end());
    const { port } = server;
    await using any = await open({}, { allow: "http://*:*" });
    // An address as such, a spelling that only the resolver takes for an address, and a name.
    for (const host of ["127.0.0.1", "[::ffff:127.0.0.1]", "127.1", "localhost", "169.254.169.254"]) {
      expect(await failure(any.http.handle(request(`${host}:${port}`))), host).toBe("destination-IP-prohibited");
    }
    expect(server.sockets.size).toBe(0);
    await using named = await open({}, { allow: `http://localhost:${port}` });
    expect(await failure(named.http.handle(request(`localhost:${port}`)))).toBe("status 200");
    await using network = await open({ networks: ["127.0.0.0/8"] }, { allow: "http://*:*" });
    expect(await failure(network.http.handle(request(`127.1:${port}`)))).toBe("status 200");
  });

  test("ends what takes too long, whatever the component asked for", async ({ expect }) => {
    await using silent = await serve(() => {});
    await using stopping = await serve((_asked, response) => void response.write("begin"));
    await using dripping = await serve((_asked, response) => {
      const timer = setInterval(() => response.write("x"), 5);
      response.on("close", () => clearInterval(timer));
    });
    // Takes connections, and speaks no TLS.
    await using mute = await listen(createNetServer(() => {}));
    const patient = new RequestOptions();
    for (const set of ["setConnectTimeout", "setFirstByteTimeout", "setBetweenBytesTimeout"] as const) {
      patient[set](3_600_000_000_000n);
    }
    const allow = [silent, stopping, dripping, mute].flatMap(({ authority }) => [
      `http://${authority}`,
      `https://${authority}`,
    ]);
    const short = async (key: string) => await open({ allow }, { [key]: "50ms" });
    await using connecting = await short("connect_timeout");
    const secure = request(mute.authority);
    secure.setScheme({ tag: "HTTPS" });
    expect(await failure(connecting.http.handle(secure, patient))).toBe("connection-timeout");
    await using first = await short("first_byte_timeout");
    expect(await failure(first.http.handle(request(silent.authority), patient))).toBe("connection-read-timeout");
    await using idle = await short("idle_timeout");
    expect(await bodyEnd(idle.http, stopping.authority, patient)).toBe("connection-read-timeout");
    // A server that gives drop by drop is never idle.
    await using total = await open({ allow }, { total_timeout: "300ms" });
    expect(await failure(total.http.handle(request(silent.authority), patient))).toBe("HTTP-response-timeout");
    expect(await bodyEnd(total.http, dripping.authority, patient)).toBe("HTTP-response-timeout");
  });

  test("what cannot be written as a request fails, and its time limit ends nothing", async ({ expect }) => {
    await using silent = await serve(() => {});
    await using world = await open({ allow: `http://${silent.authority}` }, { total_timeout: "50ms" });
    // Without a body in chunks there is no place for trailers.
    expect(await failure(world.http.handle(request(silent.authority, { trailer: "x" })))).toBe("internal-error");
    // It ends after the limit of the first.
    expect(await failure(world.http.handle(request(silent.authority)))).toBe("HTTP-response-timeout");
  });

  test("bounds the body of a response, with a length and without", async ({ expect }) => {
    await using server = await serve((asked, response) => {
      if (asked.method === "HEAD" || asked.url === "/told") response.setHeader("content-length", "200000");
      // What is not written at once has no length.
      response.write(Buffer.alloc(32_768));
      response.end(asked.url === "/fits" ? Buffer.alloc(32_768) : Buffer.alloc(167_232));
    });
    await using world = await open({ allow: `http://${server.authority}` }, { max_response: "64KiB" });
    const ask = async (path: string, head = false) => {
      const made = request(server.authority);
      if (head) made.setMethod({ tag: "head" });
      made.setPathWithQuery(path);
      return await failure(world.http.handle(made));
    };
    expect(await ask("/told")).toBe("HTTP-response-body-size");
    expect(await ask("/told", true)).toBe("status 200");
    expect(await bodyEnd(world.http, server.authority)).toBe("HTTP-response-body-size");
    expect(await bodyEnd(world.http, server.authority, undefined, "/fits")).toBe("closed");
  });

  test("uses connections again, as many as it may have", async ({ expect }) => {
    let most = 0;
    const seen = new Set<number | undefined>();
    await using server = await serve((asked, response) => {
      most = Math.max(most, server.sockets.size);
      seen.add(asked.socket.remotePort);
      setImmediate(() => response.end("x"));
    });
    const allow = `http://${server.authority}`;
    const burst = async ({ http }: World): Promise<void> => {
      await Promise.all(Array.from({ length: 12 }, () => bodyEnd(http, server.authority)));
    };
    await using world = await open({ allow, max_connections: 2 });
    await burst(world);
    expect([most, seen.size]).toEqual([2, 2]);
    await using single = await open({ allow, keep_alive: "0s" });
    for (let count = 0; count < 3; count++) await bodyEnd(single.http, server.authority);
    expect(seen.size).toBe(5);
  });

  test("trusts its own authority alone, and shows its certificate", async ({ expect }) => {
    await using folder = await tempFolder();
    const authority = await createAuthority(folder.path);
    const [server, client] = [await authority.server("server"), await authority.client("client")];
    const stranger = await createAuthority(folder.path, "stranger");
    const pem = {
      cert: await readFile(server.cert),
      key: await readFile(server.key),
      ca: await readFile(authority.ca),
    };
    await using secured = await listen(
      createSecureServer({ ...pem, requestCert: true, rejectUnauthorized: true }, (asked, response) => {
        response.statusCode = "getPeerCertificate" in asked.socket ? 204 : 500;
        response.end();
      }),
    );
    const allow = `https://${secured.authority}`;
    const ask = async (tls: object): Promise<string> => {
      await using world = await open({ allow, tls });
      const made = request(secured.authority);
      made.setScheme({ tag: "HTTPS" });
      return await failure(world.http.handle(made));
    };
    const own = { ca_file: authority.ca, cert_file: client.cert, key_file: client.key };
    expect(await ask(own)).toBe("status 204");
    expect(await ask({})).toBe("TLS-certificate-error");
    expect(await ask({ ...own, ca_file: stranger.ca })).toBe("TLS-certificate-error");
    expect(await ask({ ca_file: authority.ca })).toMatch(/^TLS-alert-received$|^connection-terminated$/);
    const missing = startProvider(createHttpClientProvider, { tls: { ca_file: `${folder.path}/none.pem` } });
    await expect(missing).rejects.toMatchObject({ code: "ERR_PROVIDER_START" });
  });

  test("says every fault of a configuration", async ({ expect }) => {
    const config = { allow: ["api.example", "ftp://x"], networks: ["10.0.0.0/99"], tls: { cert_file: "/x" }, other: 1 };
    await expect(startProvider(createHttpClientProvider, config)).rejects.toThrow(
      /(?=[^]*allow\[0\])(?=[^]*allow\[1\])(?=[^]*networks\[0\])(?=[^]*cert_file and key_file)(?=[^]*"other")/,
    );
  });

  test("decides for a component in its worker", async ({ expect }) => {
    await using server = await serve((asked, response) => response.writeHead(203).end(asked.url));
    await using folder = await tempFolder();
    await using runtime = openRuntime(folder.path);
    await using rig = await startProvider(createHttpClientProvider, {});
    await using link = await rig.bind({ config: { allow: `http://${server.authority}` } });
    await using component = await runtime.start("http", {
      onEgress: async (wanted) => (await link.call(HANDLER, "handle", wanted)) as EgressPermit,
    });
    const forward = async (target: string) =>
      await component.http({
        method: "GET",
        scheme: "http",
        authority: "device.example",
        pathWithQuery: "/forward",
        headers: [
          ["target", target],
          ["path", "/a"],
        ],
        body: undefined,
      });
    const response = await forward(server.authority);
    expect([
      response.status,
      await text(Readable.from(response.body instanceof Uint8Array ? [response.body] : response.body)),
    ]).toEqual([203, "/a"]);
    // 500 and the number of the error-code: HTTP-request-denied, destination-unavailable
    expect((await forward("127.0.0.1:1")).status).toBe(515);
    await link[Symbol.asyncDispose]();
    expect((await forward(server.authority)).status).toBe(503);
    expect(component.stats().failures).toBe(0);
  });
});
