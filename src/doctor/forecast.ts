// What breaks first when the hub stays away. Pure.

import type { LanePolicy } from "../domain/lane-policy.ts";
import type { Lane } from "../domain/outbox.ts";
import type { Expiry } from "./expiry.ts";

const DAY = 86_400_000;
/** What a quartz of a board without temperature control may be off by. */
const DRIFT_PPM = 50;

/** What one lane holds and how fast it grows. */
export interface LaneLoad {
  readonly lane: Lane;
  readonly policy: LanePolicy;
  /** Waiting now. */
  readonly bytes: number;
  /** Milliseconds; undefined when nothing waits or its age is unknown. */
  readonly oldestAge: number | undefined;
  /** Messages a second that are accepted. */
  readonly rate: number;
  /** Bytes that a message takes in the store. */
  readonly size: number;
}

export interface Outlook {
  /** How long the hub stays away, in milliseconds. */
  readonly window: number;
  /** Unix milliseconds; undefined when the clock is not set. */
  readonly now: number | undefined;
  readonly lanes: readonly LaneLoad[];
  /** Bytes that all lanes may take, and what is free on the disk. */
  readonly cap: number;
  readonly free: number | undefined;
  readonly expiries: readonly Expiry[];
  /** Names of secrets that only the hub can give. */
  readonly hubSecrets: readonly string[];
  /** How long the hub keeps what is meant for the device. */
  readonly inboxAge: number | undefined;
  readonly batteryClock: boolean;
}

export interface Event {
  /** Milliseconds from now; `power-cut`: not before one. */
  readonly after: number | "power-cut";
  /** `loss`: of messages. `stop`: something works no more. `note`: good to know. */
  readonly kind: "loss" | "stop" | "note";
  readonly what: string;
  readonly remedy?: string | undefined;
}

/** Everything within the window, the first first; what a power cut brings stands at the end. */
export function forecast(outlook: Outlook): Event[] {
  const events = [
    ...fullLanes(outlook),
    ...oldMessages(outlook),
    ...fullDisk(outlook),
    ...endedPapers(outlook),
    ...unheardMessages(outlook),
    ...drift(outlook),
    ...afterPowerCut(outlook),
  ];
  return events
    .filter(({ after }) => after === "power-cut" || after <= outlook.window)
    .sort((a, b) => order(a) - order(b));
}

const order = ({ after }: Event): number => (after === "power-cut" ? Infinity : after);

/**
 * A lane is full when it reaches its own limit, or when the lanes together reach the outbox's: then `critical` takes room
 * from the others, so that theirs shrinks while it grows.
 */
function fullLanes({ lanes, cap }: Outlook): Event[] {
  const pace = (load: LaneLoad): number => (load.rate * load.size) / 1000;
  const critical = lanes.find(({ lane }) => lane === "critical");
  return lanes.flatMap((load): Event[] => {
    const { lane, policy, bytes } = load;
    // These are not on disk, or hold one message for each subject: they are full in a minute or never.
    if (lane === "latest" || lane === "ephemeral" || load.rate <= 0) return [];
    const own = (policy.maxBytes - bytes) / pace(load);
    const others = lane === "critical" || critical === undefined ? undefined : critical;
    const shared = (cap - bytes - (others?.bytes ?? 0)) / (pace(load) + (others === undefined ? 0 : pace(others)));
    const after = Math.max(0, Math.min(own, shared));
    // What is older than its lifetime makes room by itself.
    if (policy.ttl !== undefined && policy.ttl <= after) return [];
    const loses = policy.whenFull === "drop-oldest";
    const what = loses
      ? `lane ${lane} is full: for each new message the oldest is given up`
      : `lane ${lane} is full: its publishers are refused`;
    return [{ after, kind: "loss", what, remedy: "outbox.max_size, or fewer or smaller messages" }];
  });
}

function oldMessages({ lanes }: Outlook): Event[] {
  return lanes.flatMap(({ lane, policy, oldestAge, rate, bytes }): Event[] => {
    if (policy.ttl === undefined || lane === "latest" || lane === "ephemeral" || (rate <= 0 && bytes === 0)) return [];
    const after = Math.max(0, policy.ttl - (oldestAge ?? 0));
    return [
      {
        after,
        kind: "loss",
        what: `the oldest of lane ${lane} have reached their lifetime and are given up`,
        remedy: `outbox.lanes.${lane}.ttl`,
      },
    ];
  });
}

function fullDisk({ lanes, cap, free }: Outlook): Event[] {
  if (free === undefined) return [];
  const waiting = lanes.reduce((sum, { bytes }) => sum + bytes, 0);
  if (free >= cap - waiting) return [];
  const pace = lanes
    .filter(({ lane }) => lane === "critical" || lane === "standard")
    .reduce((sum, { rate, size }) => sum + (rate * size) / 1000, 0);
  if (pace <= 0) return [];
  const what = "the disk is full before the outbox is: messages are refused";
  return [{ after: free / pace, kind: "loss", what, remedy: "free some, or set a smaller outbox.max_size" }];
}

function endedPapers({ expiries, now }: Outlook): Event[] {
  if (now === undefined) return [];
  return expiries.map(({ what, at }) => ({
    after: Math.max(0, at - now),
    kind: "stop",
    what: `${what} expire: the hub will not let the device in when it is back`,
    remedy: "renew them before; those of an enrolment are renewed by themselves while the hub is there",
  }));
}

function unheardMessages({ inboxAge }: Outlook): Event[] {
  if (inboxAge === undefined) return [];
  return [
    {
      after: inboxAge,
      kind: "loss",
      what: "the hub gives up the oldest messages meant for the device",
      remedy: "hub.inbox.max_age",
    },
  ];
}

function drift({ window, batteryClock }: Outlook): Event[] {
  const seconds = Math.round((window * DRIFT_PPM) / 1e9);
  if (seconds < 1) return [];
  const clock = batteryClock ? "with a battery-backed clock too" : "as long as the power stays";
  return [{ after: window, kind: "note", what: `the clock may be off by ${seconds} s, ${clock}` }];
}

function afterPowerCut({ hubSecrets, batteryClock, window }: Outlook): Event[] {
  const events: Event[] = hubSecrets.map((name) => ({
    after: "power-cut",
    kind: "stop",
    what: `what needs the secret ${name} does not start: only the hub has it`,
    remedy: "keep it on the device too: backend files or systemd",
  }));
  if (!batteryClock && window > 0) {
    events.push({
      after: "power-cut",
      kind: "note",
      what: "the time is unknown; messages are marked, and corrected when it is known again",
    });
  }
  return events;
}

export const formatAfter = (after: Event["after"]): string => {
  if (after === "power-cut") return "at a power cut";
  if (after < 3_600_000) return `in ${Math.round(after / 60_000)} min`;
  return after < 2 * DAY ? `in ${(after / 3_600_000).toFixed(1)} h` : `in ${(after / DAY).toFixed(1)} d`;
};
