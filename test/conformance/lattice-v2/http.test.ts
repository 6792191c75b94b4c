// Contract: requests reach a workload by the exact names that the operator gave it, over the port that the heartbeat tells.

import { randomUUID } from "node:crypto";
import { request, type IncomingMessage } from "node:http";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, test } from "vitest";
import { freePort } from "../../support/ports.ts";
import { component, ERROR, HTTP, RUNNING, startOperatorRig, workload, type Json, type OperatorRig } from "./support.ts";

let rig: OperatorRig;
let port: number;
beforeAll(async () => {
  port = await freePort();
  rig = await startOperatorRig({ operator: { http_listen: `127.0.0.1:${port}`, hostname: "10.1.2.3" } });
});
afterAll(async () => await rig?.[Symbol.asyncDispose]());

async function ask(host: string, path = "/hello"): Promise<{ status: number | undefined; body: string }> {
  const sent = request({ port, host: "127.0.0.1", path, headers: { host }, agent: false }).end();
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  return { status: answer.statusCode, body: await text(answer) };
}

const web = (config: Json, name = "web-1-a"): Json =>
  workload({
    name,
    components: [component({ name: "web", image: HTTP, poolSize: 2 })],
    hostInterfaces: [{ namespace: "wasi", package: "http", interfaces: ["incoming-handler"], config }],
  });

test("a workload answers for its host and its aliases, and for nothing once it is stopped", async ({ expect }) => {
  const id = randomUUID();
  expect(await rig.heartbeat()).toMatchObject({ httpPort: port, hostname: "10.1.2.3" });
  const names = { host: "hello.local", "host-aliases": "web.default,web.default.svc,not a name" };
  expect(await rig.start(web(names), id)).toMatchObject({ workloadState: RUNNING });
  for (const host of ["hello.local", `hello.local:${port}`, "web.default", "web.default.svc"]) {
    expect(await ask(host)).toEqual({ status: 200, body: "hello from a component\n" });
  }
  for (const host of ["other.local", "a.hello.local", "127.0.0.1"]) expect((await ask(host)).status).toBe(404);
  await rig.stop(id);
  // The server goes with the last workload that has a name.
  await expect(ask("hello.local")).rejects.toThrow(/ECONNREFUSED/);
});

test("a workload whose entry names no host is an error", async ({ expect }) => {
  for (const config of [{}, { host: "not a name" }]) {
    const id = randomUUID();
    expect(await rig.start(web(config), id)).toMatchObject({ workloadState: ERROR });
    await rig.stop(id);
  }
});

test("a new workload takes over a name before the old one goes, and gives it back", async ({ expect }) => {
  const [old, fresh] = [randomUUID(), randomUUID()];
  expect(await rig.start(web({ host: "a.local", "host-aliases": "old.local" }), old)).toMatchObject({
    workloadState: RUNNING,
  });
  expect(await rig.start(web({ host: "a.local" }, "web-2-a"), fresh)).toMatchObject({ workloadState: RUNNING });
  expect(await rig.status(old)).toMatchObject({ workloadState: RUNNING });
  const calls = async (name: string): Promise<number | undefined> =>
    (await rig.agent.status()).components.find(({ id }) => id.startsWith(name))?.calls;
  expect((await ask("a.local")).status).toBe(200);
  expect((await ask("old.local")).status).toBe(200);
  expect([await calls("web-1"), await calls("web-2")]).toEqual([1, 1]);
  await rig.stop(fresh);
  expect((await ask("a.local")).status).toBe(200);
  await rig.stop(old);
});
