import type { HubMonitor } from "../../host/ports.ts";
import { millis, minutes, seconds, type Millis } from "../../domain/units.ts";
import type { HubTime } from "../../lib/clock-sync/verdict.ts";
import type { Clock } from "../../lib/clock.ts";
import { createGate } from "../../lib/gate.ts";
import type { LatticeConnection } from "./connection.ts";
import { streamInfo } from "./subjects.ts";

/** JetStream puts its time into what it tells of a stream, from nats-server 2.10 on. */
interface Timed {
  readonly ts?: string | undefined;
}

/** An answer of the hub, and the hub's time by the device's own boot, when the answer tells it. */
export async function hearTime<T extends Timed>(
  clock: Clock,
  ask: () => Promise<T>,
): Promise<{ readonly answer: T; readonly time: HubTime | undefined }> {
  const sent = clock.boottime();
  const answer = await ask();
  const asked = clock.boottime();
  const told = answer.ts === undefined ? Number.NaN : Date.parse(answer.ts);
  if (!Number.isFinite(told)) return { answer, time: undefined };
  const error = millis((asked - sent) / 2);
  return { answer, time: { offset: millis(told - (asked - error)), error, asked } };
}

export interface HubTimeOptions {
  readonly connection: LatticeConnection;
  readonly monitor: Pick<HubMonitor, "onChange">;
  readonly domain: string | undefined;
  /** The stream that is asked about, once it is known. */
  readonly stream: () => string | undefined;
  /** Whether the clock needs the hub's word soon. */
  readonly isWanted: () => boolean;
  readonly onTime: (time: HubTime) => void;
  readonly clock: Clock;
}

export interface HubTimeWatch extends AsyncDisposable {
  /** Asks now, if the hub can be asked. */
  ask(): void;
}

const INTERVAL = minutes(60);
const WANTED_INTERVAL = seconds(15);
const TIMEOUT = seconds(5);

/** Asks the hub what time it is: when the link comes up, now and then, and more often while nobody else knows. */
export function watchHubTime(options: HubTimeOptions): HubTimeWatch {
  const { connection, monitor, domain, clock } = options;
  const stop = new AbortController();
  const gate = createGate(clock);
  const watching = monitor.onChange(({ link }) => link === "online" && gate.open());

  async function ask(): Promise<void> {
    const live = connection.current();
    const stream = options.stream();
    if (live === undefined || stream === undefined) return;
    const request = async (): Promise<Timed> =>
      (await live.request(streamInfo(domain, stream), "", { timeout: TIMEOUT })).json<Timed>();
    // A hub that cannot be reached or refuses to tell is what the forwarder reports.
    const heard = await hearTime(clock, request).catch(() => undefined);
    if (heard?.time !== undefined && !stop.signal.aborted) options.onTime(heard.time);
  }

  async function keepAsking(): Promise<void> {
    while (!stop.signal.aborted) {
      await ask();
      const pause: Millis = options.isWanted() ? WANTED_INTERVAL : INTERVAL;
      await gate.wait(stop.signal, pause).catch(() => {});
    }
  }

  const running = keepAsking();
  return {
    ask: () => gate.open(),
    async [Symbol.asyncDispose]() {
      watching[Symbol.dispose]();
      stop.abort(new Error("stopped"));
      await running;
    },
  };
}
