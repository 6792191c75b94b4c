// The way of provider processes into the local nats-server: they log in with nothing, and are who the agent says; nobody else is.

import { connect } from "@nats-io/transport-node";
import { test } from "vitest";
import { createProcessRelay } from "../../../src/adapters/leaf/process-relay.ts";
import { silentLogger, type Logger } from "../../../src/lib/log.ts";
import { startNats } from "../../support/nats.ts";
import { spawnProcess } from "../../support/processes.ts";
import { skipping } from "../../support/skip.ts";
import { waitFor } from "../../support/wait-for.ts";

const LOGIN = { user: "petiole-process", password: "secret" };
const config = `authorization { users: [{ user: "${LOGIN.user}", password: "${LOGIN.password}" }] }`;

test("logs processes in, also after the server was away", async ({ expect }) => {
  await using nats = await startNats({ config });
  await using relay = createProcessRelay({
    target: { host: "127.0.0.1", port: nats.port },
    login: LOGIN,
    log: silentLogger,
  });
  await expect(connect({ servers: nats.url, reconnect: false })).rejects.toThrow();
  const servers = await relay.url();
  expect(await relay.url()).toBe(servers);
  const client = await connect({ servers, reconnectTimeWait: 50, maxReconnectAttempts: -1 });
  client.subscribe("question", { callback: (_error, message) => void message.respond("answer") });
  const ask = async (): Promise<string> => (await client.request("question", "", { timeout: 2000 })).string();
  expect(await ask()).toBe("answer");
  await nats.restart();
  expect(await waitFor("an answer", ask)).toBe("answer");
  await client.close();
});

const notRoot = process.getuid?.() !== 0;
skipping(notRoot, "the test that other users are turned away", "it takes root to be another user");

test.skipIf(notRoot)("turns other users away", async ({ expect }) => {
  await using nats = await startNats({ config });
  const warnings: string[] = [];
  const log: Logger = { ...silentLogger, warn: (message) => void warnings.push(message) };
  await using relay = createProcessRelay({ target: { host: "127.0.0.1", port: nats.port }, login: LOGIN, log });
  const { port } = new URL(await relay.url());
  const greeted = async (...as: readonly string[]): Promise<string> => {
    const script = `exec 3<>/dev/tcp/127.0.0.1/${port}; read -r line <&3; echo "heard $line"`;
    await using child = await spawnProcess("setpriv", [...as, "bash", "-c", script]);
    await child.exited;
    return child.output();
  };
  expect(await greeted()).toMatch(/^heard INFO/);
  expect(await greeted("--reuid", "65534", "--regid", "65534", "--clear-groups")).not.toContain("INFO");
  expect(warnings).toEqual(["Somebody else than a provider wanted to log in as one"]);
});
