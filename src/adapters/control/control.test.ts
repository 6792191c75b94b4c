import { once } from "node:events";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base } from "vitest";
import { PetioleError } from "../../domain/errors.ts";
import type { AgentStatus } from "../../domain/status.ts";
import { millis } from "../../domain/units.ts";
import { silentLogger } from "../../lib/log.ts";
import { askAgent } from "./client.ts";
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

const open = async (path: string, status: ControlHandlers["status"] = async () => STATUS): Promise<AsyncDisposable> =>
  await openControlServer({ path, handlers: { status }, log: silentLogger });

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
  const asking = askAgent(path, "status", millis(50));
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
  socket.write("x".repeat(80_000));
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
