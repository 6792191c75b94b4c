// Contract: whatever is sent to a host, the agent goes on, runs what it ran, and answers what it can read. What it cannot
// read gets no answer, as there is none that would say so.

import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { constantFrom, json, nat, oneof, sample, tuple, uint8Array } from "fast-check";
import { afterAll, beforeAll, test } from "vitest";
import { HOST_HEARTBEAT, readMessage, STATUS_RESPONSE } from "./protojson.ts";
import { waitFor } from "../../support/wait-for.ts";
import {
  component,
  ERROR,
  HOST,
  RUNNING,
  SEED,
  startOperatorRig,
  workload,
  type Json,
  type OperatorRig,
} from "./support.ts";

const COUNT = 400;
const MINE = "11111111-1111-4111-8111-111111111111";

let rig: OperatorRig;
beforeAll(async () => {
  rig = await startOperatorRig({ operator: { heartbeat: "30s" } });
  await rig.start(workload({ name: "mine" }), MINE);
});
afterAll(async () => await rig?.[Symbol.asyncDispose]());

const start: Json = {
  workloadId: "fuzzed",
  workload: workload({
    // What a changed request names is not asked for anywhere.
    components: [component({ image: "Not An Image", poolSize: 1, imagePullPolicy: "IMAGE_PULL_POLICY_NEVER" })],
  }),
};
const REQUESTS: readonly (readonly [string, Json])[] = [
  ["workload.start", start],
  ["workload.status", { workloadId: "fuzzed" }],
  ["workload.stop", { workloadId: "fuzzed" }],
  ["heartbeat", {}],
];

type Mutation = (body: Json, at: number, value: unknown, bytes: Uint8Array) => string | Uint8Array;
/** Somewhere below, as deep as it goes. */
function changed(value: unknown, at: number, put: unknown): unknown {
  if (typeof value !== "object" || value === null) return put;
  const keys = Object.keys(value);
  const key = keys[at % Math.max(1, keys.length)];
  if (key === undefined) return put;
  const inner = at % 3 === 0 ? put : changed((value as Json)[key], Math.floor(at / 7), put);
  return Array.isArray(value) ? value.with(Number(key), inner) : { ...value, [key]: inner };
}
const MUTATIONS: readonly Mutation[] = [
  (body, at, value) => JSON.stringify(changed(body, at, value)),
  (body, at) => JSON.stringify(changed(body, at, undefined)),
  (body, at, value) => JSON.stringify({ ...body, [`extra${at}`]: value }),
  (body, _at, value) => JSON.stringify(body).replace("{", `{"__proto__":${JSON.stringify(value)},"constructor":{},`),
  (body, at) => JSON.stringify(changed(body, at, { __proto__: 1, toString: "x" })),
  (body, at) => JSON.stringify(body).slice(0, at % Math.max(1, JSON.stringify(body).length)),
  (body, at, _value, bytes) => {
    const text = Buffer.from(JSON.stringify(body));
    for (const [i, byte] of bytes.entries()) text[(at + i * 7) % text.length] = byte;
    return text;
  },
  (_body, _at, _value, bytes) => bytes,
  (_body, _at, value) => JSON.stringify(value),
  (body, at) => JSON.stringify(changed(body, at, 0)).replace(":0", `:${"[".repeat(20_000)}${"]".repeat(20_000)}`),
  (body, at) => JSON.stringify(changed(body, at, "x".repeat(100_000 + (at % 400_000)))),
  (body, at) =>
    JSON.stringify(
      changed(
        body,
        at,
        Array.from({ length: 5000 }, () => ({})),
      ),
    ),
  (body, at) => JSON.stringify(changed(body, at, [-1, 0.5, 2 ** 53, 1e300, "99999999999999999999"][at % 5])),
];

test(`${COUNT} requests that are not what they should be`, async ({ expect }) => {
  const runs = sample(
    tuple(
      constantFrom(...REQUESTS),
      constantFrom(...MUTATIONS),
      nat(),
      oneof(
        json().map((text) => JSON.parse(text) as unknown),
        constantFrom(null, "", [], {}, 0, true),
      ),
      uint8Array({ minLength: 1, maxLength: 24 }),
    ),
    { numRuns: COUNT, seed: SEED },
  );
  const answers: string[] = [];
  rig.client.subscribe("fuzzed.*", { callback: (_error, message) => void answers.push(message.string()) });
  for (const [i, [[command, body], mutate, at, value, bytes]] of runs.entries()) {
    rig.client.publish(`runtime.host.${HOST}.${command}`, mutate(body, at, value, bytes), { reply: `fuzzed.${i}` });
    // No more at a time than the server takes.
    if (i % 20 === 0) await rig.client.flush();
  }
  // The test reaches both: what can be read, and what cannot.
  await waitFor("answers", () => answers.length > COUNT / 4);
  await rig.heartbeat();
  expect(COUNT - answers.length).toBeGreaterThan(COUNT / 10);
  for (const answer of answers) {
    const isStatus = answer.includes("workloadStatus");
    expect(Object.keys(readMessage(isStatus ? STATUS_RESPONSE : HOST_HEARTBEAT, answer)).length).toBeGreaterThan(0);
  }

  expect(rig.agent.output()).not.toMatch(/A request of the operator failed/);
  expect(await rig.status(MINE)).toMatchObject({ workloadState: RUNNING });
});

test.for([
  ["an empty body", "workload.start", ""],
  ["no workload", "workload.start", '{"workloadId":"a"}'],
  ["no id", "workload.start", '{"workload":{}}'],
  ["a body that is no JSON", "workload.status", "workload_id: a"],
  ["a command that is not known", "workload.restart", "{}"],
  ["no command", ".", "{}"],
] as const)("%s gets no answer", async ([, command, body], { expect }) => {
  const answers: string[] = [];
  const inbox = `_INBOX.${randomUUID()}`;
  rig.client.subscribe(inbox, { callback: (_error, message) => void answers.push(message.string()) });
  if (command !== ".") rig.client.publish(`runtime.host.${HOST}.${command}`, body, { reply: inbox });
  // What comes after it is answered, so its time has passed.
  await rig.heartbeat();
  await rig.heartbeat();
  expect(answers).toEqual([]);
});

test("requests for another host are not for this one", async ({ expect }) => {
  await expect(rig.client.request("runtime.host.gw-2.heartbeat", "{}", { timeout: 5000 })).rejects.toThrow(
    /responders/,
  );
});

test("is bounded: more workloads than it may have are refused, and the others go on", async ({ expect }) => {
  // Those of the test above that could be read are among them.
  const before = (await rig.agent.status()).operator?.workloads ?? [];
  const ids = Array.from({ length: 300 }, (_, i) => `many-${i}`);
  const replies = await Promise.all(ids.map((id) => rig.start(workload({ name: id, components: [] }), id)));
  const taken = replies.filter(({ workloadState }) => workloadState === RUNNING);
  const refused = replies.filter(({ workloadState }) => workloadState === ERROR);
  expect(taken.length + refused.length).toBe(300);
  const running = before.filter(({ state }) => state === "running").length;
  expect(taken.length).toBeLessThanOrEqual(256 - running);
  expect(taken.length).toBeGreaterThanOrEqual(256 - before.length);
  expect(refused[0]?.message).toMatch(/at most 256 workloads/);
  expect(await rig.status(MINE)).toMatchObject({ workloadState: RUNNING });
  await Promise.all(taken.map(({ workloadId }) => rig.stop(workloadId)));
  expect(await rig.start(workload({ name: "after", components: [] }))).toMatchObject({ workloadState: RUNNING });
});

test("is answered at once while others wait for an image", async ({ expect }) => {
  // A registry that takes connections and says nothing.
  const sockets: Socket[] = [];
  await using registry = createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
  using _closing = { [Symbol.dispose]: () => sockets.forEach((socket) => socket.destroy()) };
  await once(registry, "listening");
  const { port } = registry.address() as AddressInfo; // It listens on a port.
  const slow = component({ image: `127.0.0.1:${port}/never/there:1` });
  const waiting = rig.start(workload({ components: [slow] }), "slow");
  expect(await rig.heartbeat()).toMatchObject({ id: HOST });
  expect(await rig.status("slow")).toMatchObject({ workloadState: "WORKLOAD_STATE_STARTING" });
  expect(await rig.status(MINE)).toMatchObject({ workloadState: RUNNING });
  await rig.stop("slow");
  expect(["WORKLOAD_STATE_STOPPING", "WORKLOAD_STATE_NOT_FOUND"]).toContain((await rig.status("slow")).workloadState);
  expect((await waiting).workloadState).not.toBe(RUNNING);
});
