// npm run example -- kvcounter: a count behind HTTP that outlives restarts, changes its store while it is asked, and is shared by
// two devices.

import { fileURLToPath } from "node:url";
import { Kvm } from "@nats-io/kv";
import { connect as connectNats } from "@nats-io/transport-node";
import { commandLine, runPetiole } from "../../scripts/stage/command.ts";
import { buildExamples } from "../../scripts/stage/components.ts";
import { startDevice, type Device } from "../../scripts/stage/device.ts";
import type { Example } from "../../scripts/stage/example.ts";
import { startHub, type Hub } from "../../scripts/stage/hub.ts";
import { adaptManifest } from "../../scripts/stage/manifest.ts";
import type { Stage } from "../../scripts/stage/perform.ts";
import { freePort } from "../../test/support/ports.ts";
import { startRedis, testRedisBinary, type TestRedis } from "../../test/support/redis.ts";
import { lastCount } from "./story/tally.ts";
import { createTraffic, get, post, type Traffic } from "./story/traffic.ts";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
/** The component's id on a device, and the counter that is counted on. */
const COUNTER = "kvcounter-counter";
const NAME = "door";
/** Requests that are waited for before and after each step: enough to see that they go on. */
const SOME = 20;

interface Counting {
  readonly device: Device;
  readonly url: string;
}

export const example: Example = {
  summary: "HTTP and a key-value store; the store is swapped while requests run, and two devices share the count",
  async play(stage) {
    const { screen, own } = stage;
    screen.heading("kvcounter: a count behind HTTP");
    await buildExamples(stage, ["examples/kvcounter"]);
    const hub = await startHub(stage);
    const redis = await obtainRedis(stage);
    const first = await startCounting(stage, hub, "gw-1");

    const before = await surviveThePowerCut(stage, first);
    const traffic = own(createTraffic(first.url, stage.signal));
    const shared = await swapStores(stage, { ...first, traffic, before, hub, redis });
    screen.heading("A second device joins the lattice");
    const second = await startCounting(stage, hub, "gw-2");
    const total = await shareTheLoad(stage, { first, second, traffic, before: shared, redis, hub });
    screen.verdict(true, `${total} requests, none failed: the shared count is ${total}`);
    return {
      ok: true,
      hints: [
        ["gw-1", `curl -X POST ${first.url}`],
        ["gw-2", `curl -X POST ${second.url}`],
        ["links", first.device.hint("link", "list")],
        ["hosts", `scripts/${commandLine(["lattice", "hosts", "--nats", hub.url])}`],
      ],
    };
  },
};

async function obtainRedis({ screen, own }: Stage): Promise<TestRedis | undefined> {
  const binary = await testRedisBinary();
  if (binary !== undefined) {
    const start = async (): Promise<TestRedis> => own(await startRedis({ binary }));
    return await screen.task("Redis", start, ({ host }) => `at ${host}`);
  }
  screen.note("There is no Redis on this machine: that part is left out");
  return undefined;
}

/** A device of the lattice. */
async function startCounting(stage: Stage, hub: Hub, id: string): Promise<Counting> {
  const url = `http://127.0.0.1:${await freePort()}/counters/${NAME}`;
  const device = await startDevice(stage, { id, hub, config: { lattice: { labels: { zone: "edge" } } } });
  return { device, url };
}

/** The manifests have the usual ports; here they are others. */
async function deployCounter(stage: Stage, { device, url }: Counting): Promise<void> {
  const ports = { "127.0.0.1:8080": new URL(url).host };
  await device.type("deploy", await adaptManifest(stage, `${FOLDER}application.yaml`, ports));
}

async function deployStores(stage: Stage, { device }: Counting, redis: TestRedis | undefined): Promise<void> {
  const ports = { "127.0.0.1:6379": redis?.host ?? "127.0.0.1:6379" };
  await device.type("deploy", await adaptManifest(stage, `${FOLDER}stores.yaml`, ports));
}

/** Gives the count at the end. */
async function surviveThePowerCut(stage: Stage, counting: Counting): Promise<number> {
  const { screen } = stage;
  const { device, url } = counting;
  screen.heading("Deployed from its manifest, it counts");
  await deployCounter(stage, counting);
  await curl(stage, counting, "POST");
  const before = await curl(stage, counting, "POST");

  screen.heading("The power fails, and comes back");
  await device.stop("power-cut");
  screen.note("kill -9 for the agent, and a new start");
  await device.start();
  const after = await curl(stage, counting, "POST");
  if (after !== before + 1) throw new Error(`${url} was at ${before} before the power cut, and then at ${after}`);
  return after;
}

interface Swapping extends Counting {
  readonly traffic: Traffic;
  readonly before: number;
  readonly hub: Hub;
  readonly redis: TestRedis | undefined;
}

/** Gives the count that the last of the stores has, which is that of all requests. */
async function swapStores(stage: Stage, { device, url, traffic, before, hub, redis }: Swapping): Promise<number> {
  const { screen } = stage;
  const swap = async (count: number, store: string, title: string): Promise<number> => {
    screen.heading(title);
    traffic.go();
    await traffic.more(SOME);
    await device.type("link", "swap", COUNTER, "--to", store);
    await traffic.more(SOME);
    const answers = await traffic.rest();
    const now = await get(url);
    const old = lastCount({ before: count, answers, now });
    screen.note(`${answers.length} requests meanwhile, none failed; ${old} is what the old store has`);
    screen.note(`Data is not moved: the new store counted from 1, and has ${now}. One request brings the rest over:`);
    const sum = await curl(stage, { device, url }, "POST", `?by=${old}`);
    if (sum !== old + now) throw new Error(`${url} has ${sum}, which is not ${old} and ${now}`);
    return sum;
  };
  screen.heading("It gets other stores to choose from");
  await deployStores(stage, { device, url }, redis);
  let count = await swap(before, "stores-hub", "From SQLite to a bucket of the hub, while requests run");
  expectStored("the hub's bucket", count, await readBucket(hub));
  screen.note(`The hub's bucket "counters" has it as ${COUNTER}.counters.${NAME}, for whoever else is to read it`);
  if (redis !== undefined) {
    count = await swap(count, "stores-redis", "And from there to Redis");
    expectStored("Redis", count, await readRedis(redis));
    screen.note(`Redis has it as petiole:${COUNTER}:counters:${NAME}`);
  }
  await device.type("link", "list");
  return count;
}

interface Sharing {
  readonly first: Counting;
  readonly second: Counting;
  readonly traffic: Traffic;
  readonly before: number;
  readonly hub: Hub;
  readonly redis: TestRedis | undefined;
}

/** Gives the count at the end, which is that of all requests to both devices. */
async function shareTheLoad(stage: Stage, { first, second, traffic, before, hub, redis }: Sharing): Promise<number> {
  const { screen } = stage;
  const store = redis === undefined ? "stores-hub" : "stores-redis";
  await deployCounter(stage, second);
  await deployStores(stage, second, redis);
  const hosts = ["lattice", "hosts", "--nats", hub.url];
  screen.command("cloud", commandLine(hosts));
  screen.output(await runPetiole(stage, hosts));
  const own = await curl(stage, second, "GET");
  if (own !== 0) throw new Error(`The new device has counted ${own} already`);
  screen.note("Its own store is empty. With the store that the first one has, it sees the same count:");
  await second.device.type("link", "swap", COUNTER, "--to", store);
  const seen = await curl(stage, second, "GET");
  if (seen !== before) throw new Error(`The second device sees ${seen}, and the first has ${before}`);

  screen.heading("Both answer, and count together");
  traffic.urls = [first.url, second.url];
  const answeredBefore = traffic.answered.get(first.url) ?? 0;
  traffic.go();
  await traffic.more(4 * SOME);
  const answers = await traffic.rest();
  const count = lastCount({ before, answers });
  const shares = [(traffic.answered.get(first.url) ?? 0) - answeredBefore, traffic.answered.get(second.url) ?? 0];
  screen.note(`gw-1 answered ${shares[0]}, gw-2 ${shares[1]} of ${answers.length} requests`);
  if (shares.some((share) => share < SOME)) throw new Error("One of the devices had no share of the load");
  for (const one of [first, second]) {
    const told = await curl(stage, one, "GET");
    if (told !== count) throw new Error(`${one.device.id} tells ${told}, and ${count} were counted`);
  }
  expectStored("the store", count, await (redis === undefined ? readBucket(hub) : readRedis(redis)));
  return count;
}

/** Shows a request to the counter, and gives the count that it was answered. */
async function curl({ screen }: Stage, { device, url }: Counting, method: "GET" | "POST", query = ""): Promise<number> {
  const address = url + query;
  screen.command(device.id, `curl ${method === "GET" ? "" : "-X POST "}${query === "" ? address : `'${address}'`}`);
  const count = await (method === "GET" ? get(address) : post(address));
  screen.output(JSON.stringify({ name: NAME, count }));
  return count;
}

/** What is in the hub's bucket, read as any other program would. */
async function readBucket({ url }: Hub): Promise<number> {
  const connection = await connectNats({ servers: url, name: "petiole example" });
  try {
    const bucket = await new Kvm(connection).open("counters");
    return Number((await bucket.get(`${COUNTER}.counters.${NAME}`))?.string());
  } finally {
    await connection.close();
  }
}

async function readRedis(redis: TestRedis): Promise<number> {
  // One answer in one line: of GET that would be the length.
  return Number((await redis.ask("INCRBY", `petiole:${COUNTER}:counters:${NAME}`, "0")).slice(1));
}

function expectStored(where: string, count: number, found: number): void {
  if (found !== count) throw new Error(`${where} has ${found}, and ${count} were counted`);
}
