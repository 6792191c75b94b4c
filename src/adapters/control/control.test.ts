import { once } from "node:events";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base } from "vitest";
import { PetioleError } from "../../domain/errors.ts";
import type { AgentStatus } from "../../domain/status.ts";
import { millis, seconds } from "../../domain/units.ts";
import { silentLogger } from "../../lib/log.ts";
import { askAgent } from "./client.ts";
import { MAX_REQUEST, type PublishParams } from "./protocol.ts";
import { openControlServer, type ControlHandlers } from "./server.ts";

// The socket carries whatever the handler returns.
const STATUS = { device: "gw-1", pid: 7 } as AgentStatus;

const test = base.extend<{ path: string }>({
  // oxlint-disable-next-line no-empty-pattern -- vitest reads the names of other fixtures from the pattern
  path: async ({}, use) => {
    const folder = await mkdtemp(join(tmpdir(), "petiole-control-"));
    await use(join(folder, "run", "petiole.sock"));
    await rm(folder, { recursive: true });
  },
});

const unused = async (): Promise<never> => await Promise.reject(new Error("not asked for in this test"));
const HANDLERS: ControlHandlers = {
  status: async () => STATUS,
  metrics: unused,
  logs: unused,
  outbox: unused,
  "outbox-ledger": unused,
  "outbox-publish": unused,
  "outbox-pause": unused,
  "outbox-resume": unused,
  "outbox-drain": unused,
  "outbox-export": unused,
  "outbox-import": unused,
  links: unused,
  "link-swap": unused,
  "link-reset": unused,
  "enrolment-renew": unused,
  "trust-memory": unused,
  apps: unused,
  "app-deploy": unused,
  "app-undeploy": unused,
  "agent-versions": unused,
  "agent-upload": unused,
  "agent-update": unused,
  "agent-rollback": unused,
  "update-status": unused,
  "update-decide": unused,
};

const openWith = async (path: string, handlers: Partial<ControlHandlers>): Promise<AsyncDisposable> =>
  await openControlServer({ path, handlers: { ...HANDLERS, ...handlers }, log: silentLogger });
const open = async (path: string, status: ControlHandlers["status"] = async () => STATUS): Promise<AsyncDisposable> =>
  await openWith(path, { status });

test("askAgent() gets the agent's answer", async ({ expect, path }) => {
  await using _ = await open(path);
  expect(await askAgent(path, "status")).toEqual(STATUS);
});

test("askAgent() rethrows the agent's error with its code", async ({ expect, path }) => {
  await using _ = await open(path, async () => {
    throw new PetioleError("ERR_STORE_FAILED", "no disk");
  });
  await expect(askAgent(path, "status")).rejects.toMatchObject({ code: "ERR_STORE_FAILED", message: "no disk" });
});

test("askAgent() says that no agent is there", async ({ expect, path }) => {
  await expect(askAgent(path, "status")).rejects.toMatchObject({ code: "ERR_CONTROL_UNREACHABLE" });
});

test("askAgent() gives up on an agent that does not answer", async ({ expect, path }) => {
  await using _ = await open(path, () => new Promise(() => {}));
  const asking = askAgent(path, "status", { timeout: millis(50) });
  await expect(asking).rejects.toMatchObject({
    code: "ERR_CONTROL_UNREACHABLE",
    message: expect.stringContaining("50 ms"),
  });
});

test("openControlServer() is for its user and group only", async ({ expect, path }) => {
  await using _ = await open(path);
  expect((await stat(path)).mode & 0o777).toBe(0o660);
});

test("openControlServer() refuses a path on which an agent answers", async ({ expect, path }) => {
  await using _ = await open(path);
  await expect(open(path)).rejects.toMatchObject({ code: "ERR_STORE_LOCKED" });
});

test("openControlServer() takes over what a killed agent left", async ({ expect, path }) => {
  await (await open(path))[Symbol.asyncDispose]();
  await writeFile(path, "");
  await using _ = await open(path);
  expect(await askAgent(path, "status")).toEqual(STATUS);
});

test("openControlServer() answers garbage with an error and goes on", async ({ expect, path }) => {
  await using _ = await open(path);
  const socket = connect(path);
  socket.setEncoding("utf8");
  socket.write('nonsense\n[1]\n{"op":"reboot"}\n');
  let text = "";
  while (text.split("\n").length < 4) text += String((await once(socket, "data"))[0]);
  const codes = text
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { code: string }).code);
  expect(codes).toEqual(["ERR_CONTROL_PROTOCOL", "ERR_CONTROL_PROTOCOL", "ERR_CONTROL_PROTOCOL"]);
  socket.destroy();
  expect(await askAgent(path, "status")).toEqual(STATUS);
});

test("openControlServer() cuts off a request without end", async ({ expect, path }) => {
  await using _ = await open(path);
  const socket = connect(path);
  socket.on("error", () => {});
  socket.write("x".repeat(MAX_REQUEST + 1));
  await once(socket, "close");
  expect(await askAgent(path, "status")).toEqual(STATUS);
});

test("askAgent() refuses an answer that is none", async ({ expect, path }) => {
  await (await open(path))[Symbol.asyncDispose]();
  const server = createServer((socket) => void socket.end("hello\n")).listen(path);
  await once(server, "listening");
  await expect(askAgent(path, "status")).rejects.toMatchObject({ code: "ERR_CONTROL_PROTOCOL" });
  server.close();
});

test("askAgent() brings parameters to the handler, as large as a message may be", async ({ expect, path }) => {
  const seen: PublishParams[] = [];
  await using _ = await openWith(path, {
    "outbox-publish": async (params) => {
      seen.push(params);
      return { outcome: "durable", seq: 7 };
    },
  });
  const params: PublishParams = {
    lane: "critical",
    subject: "alarms.boiler",
    headers: { Unit: "°C\n" },
    body: Buffer.alloc(1024 * 1024, "\xff").toString("base64"),
    ttl: 5000,
  };
  expect(await askAgent(path, "outbox-publish", { params })).toEqual({ outcome: "durable", seq: 7 });
  expect(seen).toEqual([params]);
});

test.for([
  ["outbox-publish", { subject: "a", body: "" }, /lane/],
  ["outbox-publish", { lane: "slow", subject: "a", body: "" }, /lane/],
  ["outbox-publish", { lane: "critical", subject: "a", body: "?" }, /body/],
  ["outbox-publish", { lane: "critical", subject: "a", body: "", ttl: 0 }, /ttl/],
  ["outbox-publish", { lane: "critical", subject: "a", body: "", owner: "app" }, /owner/],
  ["outbox-ledger", { limit: 1e9 }, /limit/],
  ["outbox-drain", undefined, /wait/],
  ["outbox-export", { file: "relative", dryRun: false }, /absolute/],
  ["status", { more: true }, /more/],
] as const)("%s with %j is refused", async ([operation, params, reason], { expect, path }) => {
  await using _ = await openWith(path, {});
  // What no client of ours can send.
  const asking = askAgent(path, operation, { params: params as never });
  await expect(asking).rejects.toMatchObject({
    code: "ERR_CONTROL_PROTOCOL",
    message: expect.stringMatching(reason) as string,
  });
});

test("askAgent() hears of progress, and waits as long as there is some", async ({ expect, path }) => {
  const timeout = millis(500);
  let reported = 0;
  await using _ = await openWith(path, {
    "outbox-drain": async (_params, { report }) => {
      // Twice as long as it would wait in silence.
      for (const end = performance.now() + 2 * timeout; performance.now() < end; reported += 1) {
        report({ left: [{ lane: "critical", rows: reported }], paused: false });
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return { left: [], paused: false };
    },
  });
  const seen: (number | undefined)[] = [];
  const answer = await askAgent(path, "outbox-drain", {
    params: { wait: true },
    onProgress: ({ left }) => seen.push(left[0]?.rows),
    timeout,
  });
  expect(answer).toEqual({ left: [], paused: false });
  expect(seen).toEqual(Array.from({ length: reported }, (_, index) => index));
});

test("openControlServer() tells an operation that its asker went away", async ({ expect, path }) => {
  const gone = Promise.withResolvers<void>();
  await using _ = await openWith(path, {
    "outbox-drain": async (_params, { report, signal }) => {
      signal.addEventListener("abort", () => gone.resolve());
      while (!signal.aborted) {
        report({ left: [], paused: false });
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      throw signal.reason as Error;
    },
  });
  const asking = askAgent(path, "outbox-drain", {
    params: { wait: true },
    onProgress: () => {
      throw new PetioleError("ERR_INVARIANT", "the asker has enough");
    },
    timeout: seconds(5),
  });
  await expect(asking).rejects.toThrow("the asker has enough");
  await gone.promise;
  expect(await askAgent(path, "status")).toEqual(STATUS);
});

test("askAgent() says when the agent hangs up", async ({ expect, path }) => {
  await (await open(path))[Symbol.asyncDispose]();
  const server = createServer((socket) => void socket.once("data", () => socket.destroy())).listen(path);
  await once(server, "listening");
  await expect(askAgent(path, "status")).rejects.toMatchObject({ code: "ERR_CONTROL_UNREACHABLE" });
  server.close();
});
