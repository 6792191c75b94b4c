// wasi:http/outgoing-handler against real servers: what is granted is reached, what is not is refused with the code that
// the standard has for it, and every failure of the network arrives as an error-code.

import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { createServer as createNetServer } from "node:net";
import { buffer } from "node:stream/consumers";
import { describe, test } from "vitest";
import { IncomingBody, OutgoingBody } from "../../../src/runtime/wasi/http/body.ts";
import { MAX_REQUESTS } from "../../../src/runtime/wasi/http/index.ts";
import { RequestOptions } from "../../../src/runtime/wasi/http/outgoing-request.ts";
import {
  answer,
  failure,
  listen,
  openHttp,
  readAll,
  request,
  serve,
  trailersOf,
  unwrap,
  type Serving,
} from "../../support/outgoing-http.ts";

describe("wasi:http/outgoing-handler", () => {
  test("brings a response with its headers, body and trailers", async ({ expect }) => {
    await using server = await serve((asked, response) => {
      response.writeHead(
        201,
        [
          ["x-a", "1"],
          ["x-a", "2"],
          ["trailer", "x-t"],
        ].flat(),
      );
      response.write(`${asked.method} ${asked.url} ${asked.headers.host} ${String(asked.headers["x-own"])}`);
      response.addTrailers({ "x-t": "3" });
      response.end();
    });
    using http = openHttp(server.authority);
    const asked = request(server.authority, { "x-own": "yes" });
    asked.setPathWithQuery("/a?b=c");
    const response = unwrap(await answer(unwrap(http.handle(asked))));
    expect(response.status()).toBe(201);
    expect(response.headers().get("X-A").map(String)).toEqual(["49", "50"]);
    expect(response.headers().has("connection")).toBe(false);
    const body = unwrap(response.consume());
    expect(await readAll(unwrap(body.stream()))).toEqual({
      text: `GET /a?b=c ${server.authority} yes`,
      end: "closed",
    });
    const trailers = unwrap(await trailersOf(IncomingBody.finish(body)));
    expect(trailers?.get("x-t")).toEqual([Uint8Array.of(51)]);
  });

  test("sends a body that is complete with its length, and one that is still written in chunks", async ({ expect }) => {
    const received: { readonly headers: IncomingMessage["headers"]; readonly body: string }[] = [];
    const arrivals = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    await using server = await serve((asked, response) => {
      arrivals[received.length]?.resolve();
      void buffer(asked).then((body) => {
        received.push({ headers: asked.headers, body: body.toString() });
        response.end();
      });
    });
    using http = openHttp(server.authority);
    for (const early of [true, false]) {
      const asked = request(server.authority);
      asked.setMethod({ tag: "post" });
      const body = unwrap(asked.body());
      const stream = unwrap(body.write());
      const write = async (): Promise<void> => {
        unwrap(await stream.blockingWriteAndFlush(Buffer.from("some text")));
        unwrap(OutgoingBody.finish(body, undefined));
      };
      if (early) await write();
      const future = unwrap(http.handle(asked));
      if (!early) {
        await arrivals[1].promise;
        await write();
      }
      unwrap(await answer(future))[Symbol.dispose]();
    }
    expect(received.map(({ body }) => body)).toEqual(["some text", "some text"]);
    expect(received.map(({ headers }) => [headers["content-length"], headers["transfer-encoding"]])).toEqual([
      ["9", undefined],
      [undefined, "chunked"],
    ]);
  });

  test("holds a request's body back while the server does not read it", async ({ expect }) => {
    let asked: IncomingMessage | undefined;
    const arrived = Promise.withResolvers<void>();
    await using server = await serve((message, response) => {
      asked = message;
      message.pause();
      arrived.resolve();
      message.on("end", () => response.end());
    });
    using http = openHttp(server.authority);
    const posted = request(server.authority);
    posted.setMethod({ tag: "post" });
    const body = unwrap(posted.body());
    const stream = unwrap(body.write());
    const future = unwrap(http.handle(posted));
    await arrived.promise;
    // More than the buffers of both ends hold: writing stops before.
    const total = 64 * 1_048_576;
    let written = 0;
    let full = false;
    while (!full) {
      const space = Number(unwrap(stream.checkWrite()));
      if (space > 0) {
        unwrap(stream.write(new Uint8Array(space)));
        written += space;
        continue;
      }
      const blocked = stream.subscribe().block();
      full = await Promise.race([blocked?.then(() => false), stalled(server)]).then((over) => over ?? false);
      expect(written).toBeLessThan(total);
    }
    asked?.resume();
    await stream.subscribe().block();
    unwrap(OutgoingBody.finish(body, undefined));
    expect(unwrap(await answer(future)).status()).toBe(200);
  });

  test("holds a response back while the component does not read it", async ({ expect }) => {
    const total = 64 * 1_048_576;
    let sent = 0;
    const full = Promise.withResolvers<void>();
    await using server = await serve((_asked, response) => {
      const more = (): void => {
        while (sent < total) {
          sent += 65_536;
          if (!response.write(Buffer.alloc(65_536))) {
            full.resolve();
            response.once("drain", more);
            return;
          }
        }
        response.end();
      };
      more();
    });
    using http = openHttp(server.authority);
    const response = unwrap(await answer(unwrap(http.handle(request(server.authority)))));
    await full.promise;
    await stalled(server);
    expect(sent).toBeLessThan(total);
    const { text, end } = await readAll(unwrap(unwrap(response.consume()).stream()));
    expect([text.length, end]).toEqual([total, "closed"]);
  });

  test("refuses what is not granted, before anything is looked up or connected", async ({ expect }) => {
    await using server = await serve((_asked, response) => response.end());
    using http = openHttp(`127.0.0.1:${server.port + 1}`, "*.example:443");
    for (const authority of [server.authority, "example", "no-such-host.invalid"]) {
      expect(await failure(http.handle(request(authority)))).toBe("HTTP-request-denied");
    }
    expect(server.sockets.size).toBe(0);
  });

  test("refuses a name that leads to this device, unless it is localhost", async ({ expect }) => {
    await using server = await serve((_asked, response) => response.end());
    // The resolver takes 127.1 for an address; the grant is one of a name.
    using http = openHttp(`127.1:${server.port}`, `localhost:${server.port}`);
    expect(await failure(http.handle(request(`127.1:${server.port}`)))).toBe("destination-IP-prohibited");
    expect(await failure(http.handle(request(`localhost:${server.port}`)))).toBe("status 200");
  });

  test("does not follow a redirect", async ({ expect }) => {
    await using server = await serve((_asked, response) => {
      response.writeHead(302, { location: "http://elsewhere.example/" }).end();
    });
    using http = openHttp(server.authority);
    expect(await failure(http.handle(request(server.authority)))).toBe("status 302");
  });

  test("names what the network failed with", async ({ expect }) => {
    const closed = await serve(() => {});
    await closed[Symbol.asyncDispose]();
    await using silent = await serve(() => {});
    await using rude = await serve((asked) => void asked.socket.destroy());
    await using odd = await listen(createNetServer((socket) => void socket.end("no http\r\n\r\n")));
    await using upgrading = await listen(
      createNetServer((socket) => {
        socket.once("data", () => socket.write("HTTP/1.1 101 Other\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"));
      }),
    );
    await using wordy = await serve((_asked, response) => {
      response.writeHead(200, { "x-long": "x".repeat(20_000) }).end();
    });
    const servers = [closed, silent, rude, odd, upgrading, wordy];
    using http = openHttp(...servers.map(({ authority }) => authority));
    const options = new RequestOptions();
    options.setFirstByteTimeout(20_000_000n);
    const found = async (authority: string) => failure(http.handle(request(authority), options));
    expect(await found(closed.authority)).toBe("connection-refused");
    expect(await found(silent.authority)).toBe("connection-read-timeout");
    expect(await found(rude.authority)).toBe("connection-terminated");
    expect(await found(odd.authority)).toBe("HTTP-protocol-error");
    expect(await found(upgrading.authority)).toBe("HTTP-upgrade-failed");
    expect(await found(wordy.authority)).toBe("HTTP-response-header-section-size");
    // TLS spoken to a server that has none.
    const secure = request(wordy.authority);
    secure.setScheme({ tag: "HTTPS" });
    expect(await failure(http.handle(secure))).toBe("TLS-protocol-error");
  });

  test("a body that breaks off, or stands still, fails its stream", async ({ expect }) => {
    await using cutting = await serve((_asked, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("begin", () => response.socket?.destroy());
    });
    await using stopping = await serve((_asked, response) => {
      response.write("begin");
    });
    using http = openHttp(cutting.authority, stopping.authority);
    const options = new RequestOptions();
    options.setBetweenBytesTimeout(20_000_000n);
    for (const [server, code] of [
      [cutting, "HTTP-response-incomplete"],
      [stopping, "connection-read-timeout"],
    ] as const) {
      const response = unwrap(await answer(unwrap(http.handle(request(server.authority), options))));
      const body = unwrap(response.consume());
      expect(await readAll(unwrap(body.stream()))).toEqual({ text: "begin", end: "last-operation-failed" });
      const trailers = await trailersOf(IncomingBody.finish(body));
      expect(trailers).toEqual({ tag: "err", val: { tag: code } });
    }
  });

  test("uses a connection again, and a new one when that was closed meanwhile", async ({ expect }) => {
    const ports: (number | undefined)[] = [];
    const server = createServer((asked, response) => {
      ports.push(asked.socket.remotePort);
      response.end("x");
    });
    await using serving = await listen(server);
    using http = openHttp(serving.authority);
    const get = async (): Promise<void> => {
      const response = unwrap(await answer(unwrap(http.handle(request(serving.authority)))));
      await readAll(unwrap(unwrap(response.consume()).stream()));
    };
    await get();
    await get();
    expect(ports[1]).toBe(ports[0]);
    for (const socket of serving.sockets) socket.resetAndDestroy();
    await get();
    expect(ports).toHaveLength(3);
  });

  test("bounds the requests under way, and frees the place of one that is given up", async ({ expect }) => {
    await using silent = await serve(() => {});
    using http = openHttp(silent.authority);
    const futures = Array.from({ length: MAX_REQUESTS }, () => unwrap(http.handle(request(silent.authority))));
    expect(await failure(http.handle(request(silent.authority)))).toBe("connection-limit-reached");
    const [first] = futures;
    if (first === undefined) throw new Error("no request was made");
    // By then it has been sent.
    while (silent.sockets.size === 0) await new Promise(setImmediate);
    first[Symbol.dispose]();
    let next = http.handle(request(silent.authority));
    while (next.tag === "err") {
      expect(next.val.tag).toBe("connection-limit-reached");
      await new Promise(setImmediate);
      next = http.handle(request(silent.authority));
    }
    expect(next.tag).toBe("ok");
  });

  test("disposing it closes every connection", async ({ expect }) => {
    await using silent = await serve(() => {});
    const http = openHttp(silent.authority);
    unwrap(http.handle(request(silent.authority)));
    while (silent.sockets.size === 0) await new Promise(setImmediate);
    const [socket] = silent.sockets;
    http[Symbol.dispose]();
    if (socket !== undefined && !socket.closed) await once(socket, "close");
    expect(silent.sockets.size).toBe(0);
  });
});

/** Resolves once nothing moves any more on the server's connections. */
async function stalled({ sockets }: Serving): Promise<true> {
  const state = (): string =>
    [...sockets]
      .map(({ bytesRead, bytesWritten, writableLength }) => `${bytesRead} ${bytesWritten} ${writableLength}`)
      .join();
  let seen = "";
  for (let same = 0; same < 50;) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    const now = state();
    same = now === seen ? same + 1 : 0;
    seen = now;
  }
  return true;
}
