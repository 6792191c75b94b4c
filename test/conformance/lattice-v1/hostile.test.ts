// Contract: whatever is sent to the commands of the lattice, the agent answers with a reply that clients can read or not at
// all, goes on, and runs what it ran.

import { constantFrom, json, oneof, sample, nat, tuple, uint8Array } from "fast-check";
import { afterAll, beforeAll, test } from "vitest";
import {
  link,
  scaleCommand,
  SMOOTHER,
  startLatticeRig,
  startProviderCommand,
  type Json,
  type LatticeRig,
} from "./support.ts";

const SEED = 20_261_128;
const COUNT = 600;

let rig: LatticeRig;
beforeAll(async () => {
  rig = await startLatticeRig({ lattice: { heartbeat: "30s" } });
});
afterAll(async () => await rig?.[Symbol.asyncDispose]());

/** Valid ones: what is changed in them reaches further than noise does. */
const samples = (): readonly (readonly [string, Json])[] => [
  ["host.get.{h}", {}],
  ["component.auction", { component_ref: "file://x.wasm", component_id: "a", constraints: { zone: "edge" } }],
  ["component.scale.{h}", scaleCommand(rig, { component_ref: "file://none.wasm", annotations: { a: "b" } })],
  ["component.update.{h}", { component_id: "smooth", new_component_ref: "file://none.wasm", host_id: rig.host }],
  ["provider.auction", { provider_ref: "petiole://outbox", provider_id: "a", constraints: {} }],
  ["provider.start.{h}", startProviderCommand(rig, { annotations: { a: "b" } })],
  ["provider.stop.{h}", { host_id: rig.host, provider_id: "store" }],
  ["link.put", link({})],
  ["link.del", { source_id: "smooth", name: "default", wit_namespace: "wasi", wit_package: "keyvalue" }],
  ["link.get", {}],
  ["claims.get", {}],
  ["config.put.fuzzed", { a: "b" }],
  ["config.get.fuzzed", {}],
  ["config.del.fuzzed", {}],
  ["label.put.{h}", { key: "k", value: "v" }],
  ["label.del.{h}", { key: "k" }],
  ["registry.put", { "registry.test": { username: "u", password: "p", registryType: "oci" } }],
];

type Mutation = (body: Json, at: number, value: unknown, bytes: Uint8Array) => string | Uint8Array;

const keyOf = (body: Json, at: number): string =>
  Object.keys(body)[at % Math.max(1, Object.keys(body).length)] ?? "key";
const MUTATIONS: readonly Mutation[] = [
  // A field of another type.
  (body, at, value) => JSON.stringify({ ...body, [keyOf(body, at)]: value }),
  // A field that is missing, or not known.
  (body, at) => JSON.stringify(Object.fromEntries(Object.entries(body).filter(([key]) => key !== keyOf(body, at)))),
  (body, at, value) => JSON.stringify({ ...body, [`extra${at}`]: value }),
  // A field twice.
  (body, at, value) => JSON.stringify(body).replace("{", `{"${keyOf(body, at)}":${JSON.stringify(value)},`),
  // Names that mean something to JavaScript.
  (body, _at, value) => JSON.stringify(body).replace("{", `{"__proto__":${JSON.stringify(value)},"constructor":{},`),
  (body, at) => JSON.stringify({ ...body, [keyOf(body, at)]: { __proto__: 1, toString: "x" } }),
  // No JSON any more.
  (body, at) => JSON.stringify(body).slice(0, at % Math.max(1, JSON.stringify(body).length)),
  (body, at, _value, bytes) => {
    const text = Buffer.from(JSON.stringify(body));
    for (const [i, byte] of bytes.entries()) text[(at + i * 7) % text.length] = byte;
    return text;
  },
  (_body, _at, _value, bytes) => bytes,
  (_body, _at, value) => JSON.stringify(value),
  // Deep and long.
  (body, at) =>
    JSON.stringify({ ...body, [keyOf(body, at)]: 0 }).replace(":0", `:${"[".repeat(20_000)}${"]".repeat(20_000)}`),
  (body, at) => JSON.stringify({ ...body, [keyOf(body, at)]: "x".repeat(100_000 + (at % 400_000)) }),
  (body, at) =>
    JSON.stringify({
      ...body,
      [keyOf(body, at)]: Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`k${i}`, "v"])),
    }),
  (body, at) => JSON.stringify({ ...body, [keyOf(body, at)]: constantNumbers[at % constantNumbers.length] }),
];
const constantNumbers = [-1, 0.5, 2 ** 32, 2 ** 53, 1e300, 4_294_967_295];

test(`${COUNT} requests that are not what they should be`, async ({ expect }) => {
  const runs = sample(
    tuple(
      constantFrom(...samples()),
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
  const counts = { answered: 0, silent: 0, accepted: 0 };
  for (let i = 0; i < runs.length; i += 25) {
    await Promise.all(
      runs.slice(i, i + 25).map(async ([[verb, body], mutate, at, value, bytes]) => {
        const request = mutate(body, at, value, bytes);
        // An auction is answered by those alone who would take it.
        const replies = verb.endsWith("auction")
          ? await rig.collect(verb, request, 300)
          : [await rig.ask(verb, request)];
        for (const reply of replies) {
          expect(typeof reply.success).toBe("boolean");
          expect(typeof reply.message).toBe("string");
          expect(reply.message).not.toBe("internal error");
        }
        expect(replies.length).toBeLessThanOrEqual(1);
        if (replies.length === 0) counts.silent += 1;
        else counts.answered += 1;
        if (replies[0]?.success === true) counts.accepted += 1;
      }),
    );
  }
  // The test reaches something: some are refused, and some are harmless and done.
  expect(counts.answered).toBeGreaterThan(COUNT / 2);
  expect(counts.accepted).toBeGreaterThan(20);
  expect(counts.accepted).toBeLessThan(counts.answered - 20);

  expect(rig.agent.output()).not.toMatch(/A command of the lattice (failed|could not be carried out)/);
  const [ping] = await rig.collect("host.ping", undefined);
  expect(ping?.response).toMatchObject({ id: rig.host, lattice: "default" });
  // And it is as it was: it takes a command, and comes back from what it stored.
  await rig.ask("provider.stop.{h}", { provider_id: "store" });
  const told = rig.next("provider_started");
  expect((await rig.ask("provider.start.{h}", startProviderCommand(rig, {}))).success).toBe(true);
  await told;
  expect(await rig.agent.stop("SIGTERM")).toBe(0);
  await rig.agent.start();
  expect((await rig.agent.status()).lattice?.providers).toContain("store");
});

test("bodies of the stop command that are none do not stop the host", async ({ expect }) => {
  for (const body of [
    "{",
    "[]",
    "null",
    '{"host_id":5}',
    '{"timeout":-1}',
    `{"host_id":"${"N".repeat(300_000)}"}`,
    new Uint8Array([255]),
  ]) {
    expect((await rig.ask("host.stop.{h}", body)).success).toBe(false);
  }
  expect((await rig.agent.status()).state).toBe("running");
});

test("a flood of commands for one component ends in what the last one wanted", async ({ expect }) => {
  const counts = Array.from({ length: 40 }, (_, i) => i % 4);
  const command = (count: number) => scaleCommand(rig, { component_id: "flood", component_ref: SMOOTHER, count });
  await Promise.all(counts.map((count) => rig.ask("component.scale.{h}", command(count))));
  const told = rig.next("component_scaled", (data) => data["max_instances"] === 7);
  await rig.ask("component.scale.{h}", command(7));
  await told;
  expect((await rig.inventory()).components).toContainEqual(expect.objectContaining({ id: "flood", max_instances: 7 }));
});
