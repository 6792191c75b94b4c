import type { Lane } from "../../domain/outbox.ts";
import type { OutboxSource } from "../../host/ports.ts";
import type { Logger } from "../../lib/log.ts";
import type { HubStream } from "./hub-stream.ts";
import { judgeFate, planResume, type Fate, type ResumePoint } from "./resume-point.ts";
import { laneFilter } from "./subjects.ts";

export interface LaneResumeDeps {
  readonly lane: Lane;
  readonly device: string;
  readonly source: OutboxSource;
  readonly log: Logger;
  /** Told once for each time the hub is found to hold less than it acknowledged. */
  readonly onBehind: () => void;
}

/** Asks the hub what it holds of a lane. */
export interface LaneResume {
  /** Acknowledges at the source what the hub proves to hold, and takes back what it proves to have lost. */
  resume(hub: HubStream): Promise<ResumePoint>;
}

export function createLaneResume({ lane, device, source, log, onBehind }: LaneResumeDeps): LaneResume {
  const filter = laneFilter(device, lane);
  let reported: string | undefined;
  return {
    resume: async (hub) => {
      const { storeId } = source;
      const acknowledged = await source.acknowledged(lane);
      const last = await hub.last(filter);
      const fate = async (): Promise<Fate> => {
        const { seq, hubSeq } = acknowledged;
        if (hubSeq === undefined) return "removed";
        // In this order: other lanes send meanwhile, and the stream would seem to have been there before.
        const streamSeq = await hub.lastSeq();
        return judgeFate({ seq, hubSeq }, await hub.at(hubSeq), streamSeq, storeId);
      };
      const point = await planResume({ storeId, acknowledged: acknowledged.seq, last, fate });
      if (point.kind === "ahead") await source.acknowledge(lane, point.after, point.laneSeq);
      if (point.kind === "lost") await source.rewind(lane, { seq: point.after, hubSeq: last?.seq });
      if (point.kind === "lost" || point.kind === "removed") {
        const key = `${point.kind} ${acknowledged.seq}`;
        if (key !== reported) {
          onBehind();
          const text = { lost: "sending again what is still held", removed: "going on with what it was not sent yet" };
          log.warn(`The hub holds less than it acknowledged; ${text[point.kind]}`, {
            lane,
            acknowledged: acknowledged.seq,
            found: point.landed,
          });
        }
        reported = key;
      }
      return point;
    },
  };
}
