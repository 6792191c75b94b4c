import type { Lane } from "../../domain/outbox.ts";
import type { OutboxSource } from "../../host/ports.ts";
import type { Logger } from "../../lib/log.ts";
import type { HubStream } from "./hub-stream.ts";
import { judgeFate, landedSeq, planResume, type Fate, type ResumePoint, type SeenMessage } from "./resume-point.ts";
import { laneFilter } from "./subjects.ts";

export interface LaneResumeDeps {
  readonly lane: Lane;
  readonly device: string;
  readonly source: OutboxSource;
  readonly log: Logger;
  /** Told once for each time the hub is found to hold less than it acknowledged. */
  readonly onBehind: () => void;
}

/** Asks the hub what it holds of a lane. Remembers what this process saw stored, to tell a hub that lost messages. */
export interface LaneResume {
  /** Acknowledges at the source what the hub proves to hold. */
  resume(hub: HubStream): Promise<ResumePoint & { readonly acknowledged: number }>;
  /** The hub said that it stored a message. */
  saw(message: SeenMessage): void;
}

export function createLaneResume(deps: LaneResumeDeps): LaneResume {
  const { lane, source } = deps;
  const filter = laneFilter(deps.device, lane);
  let seen: SeenMessage | undefined;
  /** The hub lost messages; acknowledged rows up to here are sent again while the source still has them. */
  let sendAgainUpTo = 0;
  let reported: string | undefined;

  async function fate(hub: HubStream, acknowledged: number): Promise<Fate> {
    if (acknowledged <= sendAgainUpTo) return "lost";
    if (seen === undefined) return "removed";
    return judgeFate(seen, await hub.at(seen.hubSeq), await hub.lastSeq(), source.storeId);
  }

  return {
    resume: async (hub) => {
      const known = {
        storeId: source.storeId,
        acknowledged: await source.acknowledged(lane),
        last: await hub.last(filter),
      };
      const landed = landedSeq(known);
      const behind = landed < known.acknowledged ? await fate(hub, known.acknowledged) : undefined;
      const point = planResume({ ...known, fate: behind });
      if (point.acknowledge !== undefined) await source.acknowledge(lane, point.acknowledge);
      if (behind === undefined) {
        sendAgainUpTo = 0;
      } else {
        if (behind === "lost") {
          sendAgainUpTo = known.acknowledged;
          seen = undefined;
        }
        const key = `${behind} ${known.acknowledged}`;
        if (key !== reported) {
          deps.onBehind();
          deps.log.warn("The hub holds less than it acknowledged; going on with what is still stored", {
            lane,
            acknowledged: known.acknowledged,
            found: landed,
            fate: behind,
          });
        }
        reported = key;
      }
      return { ...point, acknowledged: Math.max(known.acknowledged, point.acknowledge ?? 0) };
    },
    saw: (message) => {
      if (seen === undefined || seen.hubSeq < message.hubSeq) seen = message;
    },
  };
}
