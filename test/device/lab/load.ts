// Programs that publish through the agent's control socket, what was done to the device meanwhile, and whether the hub's stream agrees: the
// account and the judge are those of the chaos test.

import { askAgent } from "../../../src/adapters/control/client.ts";
import { seconds } from "../../../src/domain/units.ts";
import { LANES } from "../../../src/domain/outbox.ts";
import { createHappenings } from "../../chaos/happenings.ts";
import type { AtHub } from "../../chaos/history.ts";
import { createControlProducer, now } from "../../chaos/producers.ts";
import { readHub } from "../../chaos/read-hub.ts";
import { judge } from "../../chaos/verdict.ts";
import { waitFor } from "../../support/wait-for.ts";
import type { Device } from "./device.ts";

export interface Load extends AsyncDisposable {
  /** Publishes until `work` is done. */
  during<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves when so many more messages were accepted. */
  accepted(count: number): Promise<void>;
  /** Takes the device's power away. */
  cut(): Promise<void>;
  /** What the hub has of it, and of the components. @throws Error with all that is not as it was promised */
  judge(url: string): Promise<{ readonly summary: string; readonly messages: readonly AtHub[] }>;
}

const NAMES = ["a", "b"];
/** Messages a second, and bytes, of each. */
const LOAD = { rate: 10, size: 400 };
/** What the configuration has unless it says otherwise, and what an emulated processor on a busy machine adds. */
const COMMIT = { standard: seconds(1 + 4), latest: seconds(30 + 4) };

export function createLoad(device: Device, seed: number): Load {
  const happenings = createHappenings();
  const producers = NAMES.map((name, index) =>
    createControlProducer({
      name,
      seed: seed + index,
      record: (message) => happenings.record(message),
      socket: device.control,
    }),
  );
  const count = (): number => happenings.published.filter(({ answer }) => answer.kind === "accepted").length;
  return {
    during: async (work) => {
      const stop = new AbortController();
      const running = producers.map((producer) => producer.run(LOAD, stop.signal));
      try {
        return await work();
      } finally {
        stop.abort();
        await Promise.all(running);
      }
    },
    accepted: async (more) => {
      const wanted = count() + more;
      await waitFor(`${wanted} messages to be accepted`, () => count() >= wanted, 300_000);
    },
    cut: async () => {
      const from = now();
      await device.cut();
      happenings.ended({ kind: "kill", from, to: now() });
    },
    judge: async (url) => {
      const { stores } = await readHub(url, undefined);
      if (stores.size !== 1) throw new Error(`Messages of ${stores.size} stores are at the hub, want one`);
      const [{ messages, reported } = { messages: [], reported: [] }] = stores.values();
      const own = new Set(happenings.published.map(({ id }) => id));
      const verdict = judge({
        published: happenings.published,
        history: happenings.history,
        // Those of the components have other accounts.
        hub: messages.map((one) => (one.id !== undefined && own.has(one.id) ? one : { ...one, id: undefined })),
        reported,
        ledger: await askAgent(device.control, "outbox-ledger"),
        seen: happenings.seen,
        commitInterval: COMMIT,
      });
      const problems = [...verdict.wrong, ...verdict.missing];
      if (problems.length > 0) throw new Error(problems.join("; "));
      const of = (key: "accepted" | "delivered" | "superseded" | "ledgered" | "allowed" | "unanswered"): number =>
        verdict.lanes.reduce((sum, lane) => sum + lane[key], 0);
      const lanes = LANES.map((lane) => `${lane} ${verdict.lanes.find((one) => one.lane === lane)?.delivered}`).join(
        ", ",
      );
      const summary = `${of("accepted")} accepted, ${of("delivered")} arrived (${lanes}), ${of("superseded")} replaced by newer ones, ${of("ledgered")} in the ledger, ${of("allowed")} lost as the lane allows, ${of("unanswered")} arrived unanswered`;
      return { summary, messages };
    },
    [Symbol.asyncDispose]: async () => {
      for (const producer of producers) await producer[Symbol.asyncDispose]();
    },
  };
}
