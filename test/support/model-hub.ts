import { JetStreamApiError } from "@nats-io/jetstream";
import { errors } from "@nats-io/transport-node";
import type { HubMessage, HubStream } from "../../src/adapters/lattice/hub-stream.ts";
import { covers } from "../../src/adapters/lattice/subjects.ts";
import { bytes } from "../../src/domain/units.ts";

/** What the network does to one publish. `late`: it arrives after any number of later ones, without an answer. */
export type Fate = "arrives" | "answer-lost" | "lost" | "late" | "after-foreign";

export interface ModelHubOptions {
  readonly checksWholeLane: boolean;
  /** Called for each publish. */
  readonly fate: () => Fate;
  /** Whether a question to the hub goes unanswered. */
  readonly losesQuestion: () => boolean;
  /** Whether one of the late publishes arrives now. */
  readonly arrivesLate: () => boolean;
}

interface Stored {
  readonly subject: string;
  readonly headers: ReadonlyMap<string, string>;
}

/** A stream with JetStream's checks and without its duplicate window, behind a network that does its worst. */
export interface ModelHub extends HubStream {
  readonly stored: readonly Stored[];
  /** Lets everything arrive that is still on its way. */
  flush(): void;
  /** Loses the newest messages, as a server that lost its power does. */
  forget(count: number): void;
}

/** `name: value` lines, as they go over the wire. */
export function parseHeaderLines(lines: string): ReadonlyMap<string, string> {
  return new Map(
    lines
      .split("\r\n")
      .filter((line) => line !== "")
      .map((line): [string, string] => {
        const colon = line.indexOf(": ");
        return [line.slice(0, colon), line.slice(colon + 2)];
      }),
  );
}

const apiError = (code: number): JetStreamApiError =>
  new JetStreamApiError({ code: 400, err_code: code, description: `refused with ${code}` });

export function createModelHub(options: ModelHubOptions): ModelHub {
  const stored: Stored[] = [];
  const late: (() => void)[] = [];

  const lastOf = (filter: string): number =>
    stored.findLastIndex(({ subject }) => subject === filter || covers(filter, subject)) + 1;

  /** Stores the message as a server does, or throws its refusal. Returns the sequence. */
  const store = ({ subject, headers, expect }: HubMessage): number => {
    const { lastMsgID, lastSubjectSequence, lastSubjectSequenceSubject } = expect;
    if (lastSubjectSequenceSubject !== undefined && !options.checksWholeLane) throw new Error("unknown header");
    const filter = lastSubjectSequenceSubject ?? subject;
    if (lastSubjectSequence !== undefined && lastOf(filter) !== lastSubjectSequence) throw apiError(10071);
    if (lastMsgID !== undefined && stored.at(-1)?.headers.get("Nats-Msg-Id") !== lastMsgID) throw apiError(10070);
    stored.push({ subject, headers: parseHeaderLines(headers) });
    return stored.length;
  };

  const arrive = (): void => {
    while (late.length > 0 && options.arrivesLate()) late.shift()?.();
  };

  const answer = async <T>(value: () => T): Promise<T> => {
    await new Promise((resolve) => setImmediate(resolve));
    arrive();
    if (options.losesQuestion()) throw new errors.TimeoutError();
    return value();
  };

  const at = (seq: number): { seq: number; header: (name: string) => string | undefined } | undefined => {
    const message = stored[seq - 1];
    return message === undefined ? undefined : { seq, header: (name) => message.headers.get(name) };
  };

  return {
    stored,
    name: "MODEL",
    checksWholeLane: options.checksWholeLane,
    maxPayload: bytes(1_000_000),
    flush: () => {
      for (const deliver of late.splice(0)) deliver();
    },
    forget: (count) => void stored.splice(stored.length - count),
    last: (filter) => answer(() => at(lastOf(filter))),
    at: (seq) => answer(() => at(seq)),
    lastSeq: () => answer(() => stored.length),
    answers: () => answer(() => true),
    publish: async (message) => {
      await new Promise((resolve) => setImmediate(resolve));
      arrive();
      const fate = options.fate();
      if (fate === "after-foreign") {
        stored.push({ subject: "petiole.other.standard.x", headers: new Map([["Nats-Msg-Id", "foreign"]]) });
      }
      if (fate === "arrives" || fate === "after-foreign") return { seq: store(message), duplicate: false };
      const unheard = (): void => {
        try {
          store(message);
        } catch {
          // A refusal that nobody waits for.
        }
      };
      if (fate === "answer-lost") unheard();
      if (fate === "late") late.push(unheard);
      throw new errors.TimeoutError();
    },
  };
}
