// HTTP requests that another host's provider sends as calls reach a component, and its responses go back: the bytes on
// the wire, bodies of any length in both directions, trailers, and failures.

import { connect, type Msg, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, test } from "vitest";
import { connectNats, type LatticeConnection } from "../../../src/adapters/lattice/connection.ts";
import { createWrpcClient } from "../../../src/adapters/lattice/wrpc/client.ts";
import { serveHttp } from "../../../src/adapters/lattice/wrpc/http.ts";
import {
  HANDLE,
  HTTP_INSTANCE,
  type WireFields,
  type WireRequest,
  type WireResponse,
} from "../../../src/adapters/lattice/wrpc/http-types.ts";
import { serveWrpc } from "../../../src/adapters/lattice/wrpc/server.ts";
import { PetioleError, WitError } from "../../../src/domain/errors.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import type { RunningComponent } from "../../../src/runtime/contract.ts";
import { startNats, type TestNats } from "../../support/nats.ts";
import { tempFolder } from "../../support/processes.ts";
import { waitFor } from "../../support/wait-for.ts";
import { openRuntime } from "../runtime/support.ts";

const SUBJECT = `plant.web.wrpc.0.0.1.${HTTP_INSTANCE}.handle`;

let nats: TestNats;
let connection: LatticeConnection;
let raw: NatsConnection;
let component: RunningComponent;
const stack = new AsyncDisposableStack();
beforeAll(async () => {
  nats = stack.use(await startNats());
  connection = stack.use(connectNats({ servers: [nats.url], name: "test", log: silentLogger }));
  raw = stack.adopt(await connect({ servers: nats.url }), (live) => live.close());
  const cache = stack.use(await tempFolder());
  component = stack.use(await stack.use(openRuntime(cache.path)).start("http"));
  await waitFor("the connection", () => connection.state().connected);
});
afterAll(() => stack.disposeAsync());

function serve(id: string, http: RunningComponent["http"]): AsyncDisposable {
  return serveWrpc({ connection, lattice: "plant", id, log: silentLogger, functions: [serveHttp(http)] });
}

async function request(target: string, pathWithQuery: string, more: Partial<WireRequest> = {}): Promise<WireResponse> {
  const handle = createWrpcClient({ connection, lattice: "plant", log: silentLogger }).remote({
    target,
    instance: HTTP_INSTANCE,
    name: "handle",
    type: HANDLE,
    source: "http-provider",
    linkName: "default",
  });
  const answer = await handle([
    {
      method: { tag: "post" },
      scheme: { tag: "HTTP" },
      authority: "device.example",
      headers: [["x-word", [Buffer.from("é", "latin1")]]],
      body: (async function* () {})(),
      trailers: Promise.resolve(undefined),
      pathWithQuery,
      ...more,
    },
  ]);
  return answer as WireResponse;
}

const read = async (body: WireResponse["body"]): Promise<Buffer> =>
  Buffer.concat(body instanceof Uint8Array ? [body] : await Array.fromAsync(body));
const fields = (...all: readonly (readonly [string, string])[]): WireFields =>
  all.map(([name, value]) => [name, [new Uint8Array(Buffer.from(value))]]);
const hex = ({ data }: Msg): string => Buffer.from(data).toString("hex");

describe("wrpc:http/incoming-handler", () => {
  test("a request has the bytes that http providers send, and its response those they expect", async ({ expect }) => {
    await using _server = serve("web", async ({ method, authority, pathWithQuery, scheme, body }) => ({
      status: 200,
      headers: [],
      body: (async function* () {
        for await (const _ of body as AsyncIterable<Uint8Array>);
        yield Buffer.from([method, scheme, authority, pathWithQuery].join(" "));
      })(),
      trailers: () => [],
    }));
    await connection.current()?.flush();
    const seen: Msg[] = [];
    for (const subject of ["_INBOX.web", "_INBOX.web.>"]) {
      raw.subscribe(subject, { callback: (_error, message) => void seen.push(message) });
    }
    raw.publish(SUBJECT, Buffer.from("00000001012f010001016800", "hex"), { reply: "_INBOX.web" });
    const inbox = await waitFor("the call to be taken", () => seen[0]?.reply);
    for (const path of ["params", "params.0.0", "params.0.1"]) {
      if (path !== "params") raw.publish(`${inbox}.${path}`, Buffer.from([0]));
      raw.publish(`${inbox}.${path}`);
    }
    await waitFor("all of the response", () => seen.length === 8);
    const on = (rest: string): string[] => seen.filter(({ subject }) => subject === `_INBOX.web.${rest}`).map(hex);
    expect(on("results")).toEqual(["000000c80100", ""]);
    expect(on("results.0.0")).toEqual([`0c${Buffer.from("GET http h /").toString("hex")}`, "00", ""]);
    expect(on("results.0.1")).toEqual(["00", ""]);
  });

  test("a component gets it, and answers with body and trailers", async ({ expect }) => {
    await using _server = serve("small", (given) => component.http(given));
    const response = await request("small", "/hello");
    expect(response.status).toBe(200);
    expect(response.headers).toEqual(fields(["content-type", "text/plain"]));
    expect((await read(response.body)).toString()).toBe("hello from a component\n");
    expect(await response.trailers).toBeUndefined();
    const summed = await request("small", "/trailers");
    expect((await read(summed.body)).toString()).toBe("hello from a component\n");
    expect(await summed.trailers).toEqual(fields(["x-sum", "5"]));
  });

  test("bodies of any length go through it both ways, with what follows them", async ({ expect }) => {
    await using _server = serve("echo", (given) => component.http(given));
    const piece = Buffer.alloc(100_000, "0123456789");
    const response = await request("echo", "/echo", {
      body: (async function* () {
        for (let i = 0; i < 30; i++) yield piece;
      })(),
      trailers: Promise.resolve([["x-last", [Buffer.from("yes")]]]),
    });
    expect(response.status).toBe(200);
    const body = await read(response.body);
    expect(body.equals(Buffer.concat(Array.from({ length: 30 }, () => piece)))).toBe(true);
    expect(await response.trailers).toEqual(fields(["x-last", "yes"]));
  });

  test("what goes wrong is an error code, or a body that breaks off", async ({ expect }) => {
    await using _server = serve("wrong", (given) => component.http(given));
    await expect(request("wrong", "/nothing")).rejects.toEqual(new WitError({ tag: "HTTP-response-incomplete" }));
    await expect(request("wrong", "/u-trap")).rejects.toEqual(
      new WitError({ tag: "internal-error", val: "ERR_COMPONENT_TRAP" }),
    );
    const cut = await request("wrong", "/a-trap-later");
    await expect(read(cut.body)).rejects.toThrow(/gave it up/);
    await using _busy = serve("busy", async () => {
      throw new PetioleError("ERR_COMPONENT_BUSY", "full");
    });
    await expect(request("busy", "/")).rejects.toEqual(new WitError({ tag: "connection-limit-reached" }));
  });

  test("a request whose body breaks off does so for the component too", async ({ expect }) => {
    await using _server = serve("cut", (given) => component.http(given));
    const response = await request("cut", "/why", {
      body: (async function* () {
        yield Buffer.from("some");
        throw new Error("the client is gone");
      })(),
    });
    expect(response.status).toBeGreaterThanOrEqual(500);
  });
});
