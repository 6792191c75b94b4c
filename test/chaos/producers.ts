// Programs on the device that publish and keep account of what was answered.

import { connect as connectNats, type NatsConnection } from "@nats-io/transport-node";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { parseReply } from "../../src/adapters/control/protocol.ts";
import { isPetioleError } from "../../src/domain/errors.ts";
import { LANES, type Lane, type PublishReceipt } from "../../src/domain/outbox.ts";
import type { Millis } from "../../src/domain/units.ts";
import { createRandom, type Random } from "../faults/random.ts";
import type { Answer, Published } from "./history.ts";

export const now = (): Millis => performance.now() as Millis;

export interface Load {
  /** Messages a second. */
  readonly rate: number;
  /** Most bytes of a body. */
  readonly size: number;
}

export interface Producer extends AsyncDisposable {
  /** Publishes until `signal` aborts. */
  run(load: Load, signal: AbortSignal): Promise<void>;
  /** One message on each lane. */
  once(): Promise<void>;
}

export interface ProducerOptions {
  readonly name: string;
  readonly seed: number;
  readonly record: (message: Published) => void;
}

/** How a message goes to the agent. */
interface Way extends AsyncDisposable {
  publish(message: { readonly lane: Lane; readonly subject: string; readonly body: Buffer }): Promise<Answer>;
}

/** Longer than a commit on a slow disk takes. */
const ANSWER_LIMIT = 4000;
const SUBJECTS = ["boiler", "pump", "tank.level", "door"] as const;
/** Of each hundred messages. */
const SHARES: readonly (readonly [Lane, number])[] = [
  ["critical", 25],
  ["standard", 45],
  ["latest", 20],
  ["ephemeral", 10],
];

/** Over the control socket, one message after the other. */
export function createControlProducer(options: ProducerOptions & { readonly socket: string }): Producer {
  return createProducer(options, controlWay(options.socket), (lane, place) => `${lane}.${place}`);
}

/** As a local client of the device's nats-server: requests, and now and then a message that wants no answer. */
export function createLocalProducer(options: ProducerOptions & { readonly port: number }): Producer {
  return createProducer(options, localWay(options.port, createRandom(options.seed + 1)), localSubject);
}

/** Below the subjects of `LOCAL_ROUTES`. */
function localSubject(lane: Lane, place: string): string {
  return `local-${lane}.${place}`;
}

/** For `leaf.local.outbox`. */
export const LOCAL_ROUTES = LANES.map((lane) => ({ subject: localSubject(lane, ">"), lane }));

function createProducer(
  { name, seed, record }: ProducerOptions,
  way: Way,
  subjectOf: (lane: Lane, place: string) => string,
): Producer {
  const random = createRandom(seed);
  let count = 0;

  async function publish(lane: Lane, size: number): Promise<void> {
    count += 1;
    const id = `${name}-${count}`;
    // Producers share no subject: of lane `latest` the newest value would be anybody's guess.
    const subject = subjectOf(lane, `${random.pick(SUBJECTS)}.${name}`);
    const body = Buffer.alloc(id.length + 1 + random.below(size), `${id}\n`);
    body.fill("x", id.length + 1);
    const sentAt = now();
    const answer = await way.publish({ lane, subject, body });
    record({ id, producer: name, lane, subject, sentAt, answer });
  }

  return {
    run: async ({ rate, size }, signal) => {
      while (!signal.aborted) {
        await publish(pickLane(random), size);
        // Bursts and pauses, at the rate on average.
        const pause = random.chance(0.5) ? 0 : (2000 / rate) * random.next() * 2;
        await setTimeout(pause, undefined, { signal }).catch(() => {});
      }
    },
    once: async () => {
      for (const lane of LANES) await publish(lane, 10);
    },
    [Symbol.asyncDispose]: () => way[Symbol.asyncDispose](),
  };
}

function pickLane(random: Random): Lane {
  let left = random.below(100);
  for (const [lane, share] of SHARES) {
    left -= share;
    if (left < 0) return lane;
  }
  return "standard";
}

function controlWay(path: string): Way {
  let open: { readonly socket: Socket; readonly lines: AsyncIterator<string> } | undefined;
  const close = (): void => {
    open?.socket.destroy();
    open = undefined;
  };
  const dial = async (): Promise<NonNullable<typeof open>> => {
    const socket = connect(path);
    await once(socket, "connect");
    socket.on("error", () => {});
    return { socket, lines: createInterface({ input: socket, crlfDelay: Infinity })[Symbol.asyncIterator]() };
  };
  return {
    publish: async ({ lane, subject, body }) => {
      try {
        open ??= await dial();
      } catch {
        // Nobody listens: nothing was published.
        await setTimeout(50);
        return { kind: "refused", code: "ERR_CONTROL_UNREACHABLE" };
      }
      const { socket, lines } = open;
      socket.write(
        `${JSON.stringify({ op: "outbox-publish", params: { lane, subject, body: body.toString("base64") } })}\n`,
      );
      const limit = new AbortController();
      const late = setTimeout(ANSWER_LIMIT, undefined, { signal: limit.signal }).catch(() => undefined);
      try {
        const line = await Promise.race([lines.next(), late]);
        if (line === undefined || line.done === true) {
          close();
          return { kind: "unknown" };
        }
        const reply = parseReply(line.value);
        if (!("value" in reply)) return { kind: "unknown" };
        return accepted(reply.value as PublishReceipt);
      } catch (error) {
        if (isPetioleError(error) && error.code !== "ERR_CONTROL_PROTOCOL")
          return { kind: "refused", code: error.code };
        close();
        return { kind: "unknown" };
      } finally {
        limit.abort();
      }
    },
    [Symbol.asyncDispose]: async () => close(),
  };
}

function localWay(port: number, random: Random): Way {
  let open: NatsConnection | undefined;
  return {
    publish: async ({ subject, body }) => {
      try {
        if (open === undefined || open.isClosed()) {
          // Its own reconnecting is off: a message that waits in the client is in nobody's account.
          open = await connectNats({ servers: `nats://127.0.0.1:${port}`, reconnect: false, timeout: 500 });
        }
      } catch {
        await setTimeout(50);
        return { kind: "refused", code: "unreachable" };
      }
      try {
        if (random.chance(0.2)) {
          open.publish(subject, body);
          return { kind: "unknown" };
        }
        const reply = await open.request(subject, body, { timeout: ANSWER_LIMIT });
        const answer = reply.json<PublishReceipt | { readonly error: { readonly code: string } }>();
        return "error" in answer ? { kind: "refused", code: answer.error.code } : accepted(answer);
      } catch {
        await setTimeout(20);
        return { kind: "unknown" };
      }
    },
    [Symbol.asyncDispose]: async () => {
      await open?.close().catch(() => {});
    },
  };
}

function accepted({ seq, outcome }: PublishReceipt): Answer {
  return { kind: "accepted", seq, outcome, at: now() };
}
