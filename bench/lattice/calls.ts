// One call after another from a component of one device to a component of another, both agents as processes, against as
// many bare NATS requests to a process that answers with what it gets. All go over the same nats-server.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { fileURLToPath } from "node:url";
import { connectNats } from "../../src/adapters/lattice/connection.ts";
import { connectLatticeClient } from "../../src/adapters/lattice/wasmcloud/client.ts";
import { createWrpcClient } from "../../src/adapters/lattice/wrpc/client.ts";
import { millis, seconds } from "../../src/domain/units.ts";
import { silentLogger } from "../../src/lib/log.ts";
import type { WitType } from "../../src/lib/wit/type.ts";
import { startAgent } from "../../test/support/agent.ts";
import { startNats } from "../../test/support/nats.ts";
import { waitFor } from "../../test/support/wait-for.ts";
import { median, quantile, type Report } from "../frame.ts";

const PAYLOAD = new Uint8Array(200).fill(120);
const ROUNDS = 15;
const REQUESTS = 400;
/** Of one call of the asking component. Few, so that what else the machine does spoils few of the figures. */
const ASKS = 10;
const RUNS = 20;
const LATTICE = "bench";
const SUBJECT = "bench.bare";

const component = (name: string): string => fileURLToPath(new URL(`../components/build/${name}.wasm`, import.meta.url));

export async function reportCalls(report: Report): Promise<void> {
  const build = fileURLToPath(new URL("../../scripts/build-examples.ts", import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [build], { encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot build the components: ${stderr}`);

  await using stack = new AsyncDisposableStack();
  const hub = stack.use(await startNats({ jetstream: true }));
  const bare = await openBare(hub.url, stack);
  const devices = await startDevices(hub.url, stack);

  const times = { bare: [] as number[], served: [] as number[], asked: [] as number[], near: [] as number[] };
  const ratios = { served: [] as number[], asked: [] as number[] };
  for (let round = 0; round <= ROUNDS; round++) {
    const single = await timed(() => bare.request(SUBJECT, PAYLOAD, { timeout: 10_000 }), REQUESTS);
    const served = await timed(() => devices.serve(PAYLOAD), REQUESTS);
    const [asked, near] = [await devices.ask("far"), await devices.ask("near")];
    if (round === 0) continue; // The first round warms up.
    times.bare.push(...single);
    times.served.push(...served);
    times.asked.push(...asked);
    times.near.push(...near);
    ratios.served.push(median(served) / median(single));
    ratios.asked.push(median(asked) / median(single));
  }
  report({ name: "bare NATS request and reply: p50", value: median(times.bare), unit: "µs" });
  report({ name: "bare NATS request and reply: p99", value: quantile(times.bare, 0.99), unit: "µs" });
  report({
    name: "call of a component on another host: p50",
    value: median(times.served),
    unit: "µs",
    ratio: median(ratios.served),
  });
  report({ name: "call of a component on another host: p99", value: quantile(times.served, 0.99), unit: "µs" });
  report({
    name: "call from component to component, on two hosts",
    value: median(times.asked),
    unit: "µs",
    ratio: median(ratios.asked),
  });
  report({
    name: "call from component to component, on one host",
    value: median(times.near),
    unit: "µs",
    ratio: median(times.near) / median(times.bare),
  });
}

/** Microseconds of each of `count` calls, one after another. */
async function timed(call: () => Promise<unknown>, count: number): Promise<number[]> {
  const found: number[] = [];
  for (let index = 0; index < count; index++) {
    const started = performance.now();
    await call();
    found.push((performance.now() - started) * 1000);
  }
  return found;
}

async function openBare(url: string, stack: AsyncDisposableStack): Promise<NatsConnection> {
  const script = fileURLToPath(new URL("responder.ts", import.meta.url));
  const responder = spawn(process.execPath, ["--no-warnings", script, url, SUBJECT], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  stack.defer(() => void responder.kill());
  await once(responder.stdout, "data");
  const client = await connect({ servers: url, noAsyncTraces: true });
  stack.defer(() => client.close());
  return client;
}

interface Devices {
  /** Has a component on a device answer this process. */
  serve(payload: Uint8Array): Promise<unknown>;
  /** Microseconds that a component needs to ask one on the other device, or on its own; several figures. */
  ask(where: "far" | "near"): Promise<number[]>;
}

async function startDevices(url: string, stack: AsyncDisposableStack): Promise<Devices> {
  const limits = { deadline: "60s" };
  const common = { hub: { mode: "direct", urls: [url] }, lattice: { name: LATTICE } };
  const asking = { file: component("core"), ...limits };
  const answering = { file: component("answerer"), ...limits };
  stack.use(await startAgent({ ...common, device: { id: "answering" }, components: { far: answering } }));
  const agent = stack.use(
    await startAgent({
      ...common,
      device: { id: "asking" },
      components: { "asks-far": asking, "asks-near": asking, near: answering },
      links: [{ from: "asks-near", to: "near", interfaces: ["petiole:bench/host"] }],
    }),
  );
  await using lattice = await connectLatticeClient({
    server: url,
    credentials: undefined,
    lattice: LATTICE,
    timeout: millis(15_000),
  });
  await lattice.ask("link.put", {
    source_id: "asks-far",
    target: "far",
    name: "default",
    wit_namespace: "petiole",
    wit_package: "bench",
    interfaces: ["host"],
    source_config: [],
    target_config: [],
  });
  await waitFor("all components", async () =>
    (await agent.status()).components.every(({ state }) => state === "running"),
  );

  const connection = stack.use(connectNats({ servers: [url], name: "bench", log: silentLogger }));
  await waitFor("a connection", () => connection.current());
  const client = createWrpcClient({ connection, lattice: LATTICE, log: silentLogger });
  const bytes: WitType = { kind: "list", element: { kind: "u8" } };
  const payload = { name: "payload", type: bytes };
  const caller = { source: "bench", linkName: "default" };
  const serve = client.remote({
    ...caller,
    target: "far",
    instance: "petiole:bench/host",
    name: "ask",
    type: { params: [payload], result: bytes },
  });
  const runs = (["far", "near"] as const).map((where) => {
    const params = [{ name: "asks", type: { kind: "u32" } as const }, payload];
    const target = `asks-${where}`;
    const instance = "petiole:bench/guest";
    const run = client.remote({ ...caller, target, instance, name: "run", type: { params, result: bytes } });
    return [where, (asks: number) => run([asks, PAYLOAD], { timeout: seconds(60) })] as const;
  });
  const byName = new Map(runs);
  for (const [, run] of runs) await waitFor("a linked component", async () => (await run(1)) !== undefined);
  return {
    serve: (given) => serve([given]),
    async ask(where) {
      const run = byName.get(where);
      if (run === undefined) throw new Error(`There is no component that asks ${where}`);
      const without = median(await timed(() => run(0), RUNS));
      return (await timed(() => run(ASKS), RUNS)).map((whole) => (whole - without) / ASKS);
    },
  };
}
