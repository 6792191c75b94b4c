import type { NatsConnection } from "@nats-io/transport-node";
import { isPetioleError, PetioleError } from "../../domain/errors.ts";
import { LANES, type Lane } from "../../domain/outbox.ts";
import { kibibytes, millis, seconds, type Bytes, type Millis } from "../../domain/units.ts";
import { backoffDelay, type BackoffOptions } from "../../lib/backoff.ts";
import type { HubTime } from "../../lib/clock-sync/verdict.ts";
import { systemClock, type Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { ForwarderControl, HubMonitor, OutboxSource } from "../../host/ports.ts";
import type { LatticeConnection } from "./connection.ts";
import { createDrainPace, DEFAULT_DRAIN, type DrainLimit, type DrainPace } from "./drain-pace.ts";
import type { ForwarderState } from "../../domain/outbox-report.ts";
import { initialLaneState, type MutableLaneState } from "./forwarder-state.ts";
import { createGate, type Gate } from "./gate.ts";
import { openHubStream, untilAborted, type HubStream, type StreamOptions } from "./hub-stream.ts";
import { createLaneForwarder, type LaneForwarder, type RefuseRow } from "./lane-forwarder.ts";
import type { WindowLimit } from "./lane-window.ts";
import { describeNatsError } from "./nats-error.ts";
import { checkDeviceName } from "./subjects.ts";

export interface ForwarderOptions {
  readonly source: OutboxSource;
  readonly connection: LatticeConnection;
  readonly device: string;
  readonly stream: StreamOptions;
  readonly log: Logger;
  readonly clock?: Clock;
  /** When it says `online`, the next try is made at once. */
  readonly monitor?: Pick<HubMonitor, "state" | "path" | "onChange">;
  /** Takes messages that the hub will never take; the source does unless given. */
  readonly refuse?: RefuseRow;
  /** What may be in flight in each lane. */
  readonly window?: WindowLimit;
  /** Largest message, headers included, that the hub takes, where it takes less than its leaf. */
  readonly maxPayload?: Bytes;
  /** How fast a backlog is sent. */
  readonly drain?: DrainLimit;
  /** How long the hub may acknowledge nothing while messages are in flight. */
  readonly ackTimeout?: Millis;
  /** Limit of each question to the hub. */
  readonly requestTimeout?: Millis;
  readonly backoff?: BackoffOptions;
  /** Called with the hub's time whenever its stream was looked up, before anything is sent. */
  readonly onHubTime?: ((time: HubTime) => void) | undefined;
}

/** Drains the outbox to the hub's stream from its creation to its disposal; disposing waits for what it writes. */
export interface Forwarder extends AsyncDisposable, ForwarderControl {
  /** Tries again now instead of after the back-off. */
  nudge(): void;
}

/** How often the hub is told of losses that it was not told of yet. */
const REPORT_INTERVAL = seconds(60);

const DEFAULT_WINDOW: WindowLimit = { rows: 256, bytes: kibibytes(512) };
const DEFAULT_BACKOFF: BackoffOptions = { initial: seconds(1), max: seconds(60) };

/** @throws PetioleError ERR_LATTICE_MESSAGE when the device's name is no NATS token */
export function createForwarder(options: ForwarderOptions): Forwarder {
  checkDeviceName(options.device);
  const clock = options.clock ?? systemClock;
  const stop = new AbortController();
  const hub = createHubAccess(options);
  const pace = createDrainPace({ limit: options.drain ?? DEFAULT_DRAIN, clock });
  const idle = createGate(clock);
  const reached = createGate(clock);
  let paused = false;
  const lanes = LANES.map((lane) =>
    startLane({
      options,
      clock,
      hub,
      lane,
      pace,
      isPaused: () => paused,
      onIdle: idle.open,
      onReached: reached.open,
      stop: stop.signal,
    }),
  );

  const nudge = (): void => {
    for (const { retry } of lanes) retry.open();
  };
  const wake = (): void => {
    for (const { forwarder } of lanes) forwarder.wake();
  };
  let offlineSince: Millis | undefined = clock.monotonic();
  const onLink = (online: boolean): void => {
    if (!online) {
      offlineSince ??= clock.monotonic();
      return;
    }
    if (offlineSince !== undefined) pace.connected(millis(clock.monotonic() - offlineSince));
    offlineSince = undefined;
    nudge();
  };
  using cleanup = new DisposableStack();
  cleanup.use(
    options.connection.onChange(() => {
      if (options.monitor === undefined || options.connection.current() === undefined) {
        onLink(options.connection.current() !== undefined);
      }
      nudge();
    }),
  );
  cleanup.use(options.source.onReadable((lane) => lanes.find((one) => one.state.lane === lane)?.forwarder.wake()));
  const { monitor } = options;
  if (monitor !== undefined) cleanup.use(monitor.onChange(({ link }) => onLink(link === "online")));
  const subscriptions = cleanup.move();
  const reporting = reportLosses();
  let settling: Promise<void> | undefined;

  /** Shared by all who pause at the same time: a gate wakes one. */
  async function settleFlights(): Promise<void> {
    while (!stop.signal.aborted && lanes.some(({ state }) => state.inFlight > 0)) {
      await idle.wait(stop.signal).catch(() => {});
    }
    settling = undefined;
  }

  async function reportLosses(): Promise<void> {
    while (!stop.signal.aborted) {
      // At once when the hub is there again: a device may be online for moments only.
      await reached.wait(stop.signal, REPORT_INTERVAL).catch(() => {});
      if (lanes.some(({ state }) => state.phase !== "waiting")) options.source.reportLosses();
    }
  }

  return {
    state: (): ForwarderState => ({ stream: hub.streamName(), lanes: lanes.map(({ state }) => ({ ...state })) }),
    nudge,
    pause: async () => {
      paused = true;
      wake();
      await (settling ??= settleFlights());
    },
    resume: () => {
      paused = false;
      wake();
    },
    lift: () => {
      pace.lift();
      wake();
    },
    async [Symbol.asyncDispose]() {
      subscriptions.dispose();
      stop.abort(new Error("the forwarder was stopped"));
      await Promise.all([...lanes.map(({ running }) => running), reporting]);
    },
  };
}

interface LaneRun {
  readonly state: MutableLaneState;
  readonly forwarder: LaneForwarder;
  readonly retry: Gate;
  readonly running: Promise<void>;
}

interface LaneStart {
  readonly options: ForwarderOptions;
  readonly clock: Clock;
  readonly hub: HubAccess;
  readonly lane: Lane;
  readonly pace: DrainPace;
  readonly isPaused: () => boolean;
  readonly onIdle: () => void;
  /** Told whenever the hub's stream was found. */
  readonly onReached: () => void;
  readonly stop: AbortSignal;
}

function startLane({ options, clock, hub, lane, stop, onReached, ...shared }: LaneStart): LaneRun {
  const { source, connection } = options;
  const limit = options.window ?? DEFAULT_WINDOW;
  const log = options.log.child({ lane });
  const state = initialLaneState(lane, limit.rows);
  const retry = createGate(clock);
  const forwarder = createLaneForwarder({
    lane,
    device: options.device,
    source,
    refuse: options.refuse ?? (({ seq }) => source.refuse(lane, seq)),
    limit,
    ...shared,
    maxPayload: options.maxPayload,
    ackTimeout: options.ackTimeout ?? seconds(10),
    clock,
    log,
    state,
  });

  async function keepForwarding(): Promise<void> {
    let failures = 0;
    const onProgress = (): void => {
      failures = 0;
      state.lastError = undefined;
    };
    while (!stop.aborted) {
      const live = connection.current();
      if (live === undefined) {
        await retry.wait(stop).catch(() => {});
        continue;
      }
      using lost = abortWhenLost(connection, live);
      using renewed = abortWhenRenewed(options.monitor);
      const signal = AbortSignal.any([stop, lost.signal, renewed.signal]);
      try {
        const stream = await untilAborted(hub.open(live), signal);
        const running = forwarder.run(stream, signal, onProgress);
        onReached();
        await running;
      } catch (error) {
        if (stop.aborted) return;
        hub.forget(live);
        if (renewed.signal.aborted && !lost.signal.aborted) continue;
        report(error);
        await retry.wait(stop, backoffDelay(failures, options.backoff ?? DEFAULT_BACKOFF)).catch(() => {});
        failures += 1;
      }
    }
  }

  function report(error: unknown): void {
    const failure = asPetioleError(error, lane);
    const known = state.lastError;
    state.lastError = { code: failure.code, message: failure.message };
    // A hub that is away for days must not fill the log: only what is new is said aloud.
    if (known?.message !== failure.message) log.warn("Forwarding stopped, will try again", { err: failure });
    else log.debug("Forwarding stopped again", { err: failure });
  }

  return { state, forwarder, retry, running: keepForwarding() };
}

function asPetioleError(error: unknown, lane: Lane): PetioleError {
  if (isPetioleError(error)) return error;
  return new PetioleError("ERR_LATTICE_UNREACHABLE", `Cannot forward the lane "${lane}": ${describeNatsError(error)}`, {
    cause: error,
  });
}

/** A signal that aborts when `live` is no longer the connection. */
function abortWhenLost(connection: LatticeConnection, live: NatsConnection): Disposable & { signal: AbortSignal } {
  const controller = new AbortController();
  const watching = connection.onChange(() => {
    if (connection.current() !== live) controller.abort(new Error("the connection was lost"));
  });
  return { signal: controller.signal, [Symbol.dispose]: () => watching[Symbol.dispose]() };
}

/**
 * A signal that aborts when the hub answers over another path than before. The connection to a local server stays as it
 * is then, but what was in flight is lost, and the hub may have been started again without its newest messages: even a
 * lane with nothing to send must ask.
 */
function abortWhenRenewed(monitor: ForwarderOptions["monitor"]): Disposable & { signal: AbortSignal } {
  const controller = new AbortController();
  const before = monitor?.path();
  const watching = monitor?.onChange(({ mode, link }) => {
    // In direct mode another path is another connection.
    if (mode !== "leaf" || link !== "online" || monitor.path() === before) return;
    controller.abort(new Error("the link to the hub was made anew"));
  });
  return { signal: controller.signal, [Symbol.dispose]: () => watching?.[Symbol.dispose]() };
}

/** The hub's stream, looked up once for both lanes and again after a failure or on a new connection. */
interface HubAccess {
  open(live: NatsConnection): Promise<HubStream>;
  forget(live: NatsConnection): void;
  streamName(): string | undefined;
}

function createHubAccess(options: ForwarderOptions): HubAccess {
  let opened: { readonly live: NatsConnection; readonly stream: Promise<HubStream> } | undefined;
  let name: string | undefined;
  return {
    open: (live) => {
      if (opened?.live !== live) {
        const stream = openHubStream({
          connection: live,
          device: options.device,
          stream: options.stream,
          requestTimeout: options.requestTimeout ?? seconds(5),
          log: options.log,
          clock: options.clock ?? systemClock,
          onHubTime: options.onHubTime,
        });
        opened = { live, stream };
        stream.then(
          (found) => {
            name = found.name;
          },
          () => {},
        );
      }
      return opened.stream;
    },
    forget: (live) => {
      if (opened?.live === live) opened = undefined;
    },
    streamName: () => name,
  };
}
