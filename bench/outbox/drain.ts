// The way from a backlog on disk to the hub, against the client alone with as many messages in flight.

import { median, type Report } from "../frame.ts";
import { delivered, startBenchHub, type BenchHub } from "./hub.ts";
import { inFolder, openAt, PAYLOAD, publishInTurn } from "./load.ts";

const MESSAGES = 20_000;
const ROUNDS = 5;

export async function reportDrain(report: Report): Promise<void> {
  await using hub = await startBenchHub();
  const raw: number[] = [];
  const drained: number[] = [];
  // In turns, so that both see the same machine.
  for (let round = 0; round <= ROUNDS; round += 1) {
    const start = performance.now();
    await hub.publishRaw(MESSAGES, PAYLOAD);
    const rawRate = MESSAGES / ((performance.now() - start) / 1000);
    const ours = await inFolder((dir) => drain(hub, dir));
    // The first round warms both up.
    if (round === 0) continue;
    raw.push(rawRate);
    drained.push(ours);
  }
  report({ name: "JetStream client alone, 256 in flight", value: median(raw), unit: "msg/s" });
  report({
    name: "backlog drained to the hub",
    value: median(drained),
    unit: "msg/s",
    ratio: median(drained.map((rate, index) => rate / (raw[index] ?? rate))),
    goal: { of: "ratio", atLeast: 0.8 },
  });
}

async function drain(hub: BenchHub, dir: string): Promise<number> {
  await using store = await openAt(dir);
  await publishInTurn(store, MESSAGES, "standard");
  await store.flush();
  const { lastSeq } = await store.outbox.stats();
  const start = performance.now();
  await using _forwarding = await hub.forward(store);
  await delivered(store, lastSeq);
  return MESSAGES / ((performance.now() - start) / 1000);
}
