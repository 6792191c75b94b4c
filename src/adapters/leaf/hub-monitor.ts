import type { HubLinkState } from "../../domain/hub-link.ts";
import { millis, seconds, type Millis } from "../../domain/units.ts";
import { systemClock, type Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { HubMonitor } from "../../host/ports.ts";
import {
  describeLink,
  initialLinkModel,
  isLinkChange,
  updateLink,
  type EchoResult,
  type LinkInput,
  type PathSample,
} from "./link-model.ts";
import { reasonOf } from "../../lib/reason.ts";

export interface HubMonitorOptions {
  readonly mode: "leaf" | "direct";
  /** Looks at the connection under the link; a rejection counts as down, with its message as the reason. */
  readonly probePath: (timeout: Millis) => Promise<PathSample> | PathSample;
  /** Sends a request that only the hub can answer; resolves with the round trip, rejects with the reason. */
  readonly echo: (timeout: Millis) => Promise<Millis>;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly pollInterval?: Millis;
  readonly echoInterval?: Millis;
  readonly echoTimeout?: Millis;
}

export interface RunningHubMonitor extends HubMonitor, AsyncDisposable {
  /** Looks at the path now, such as when a connection reports a change. */
  check(): void;
}

/** Watches the link until it is disposed. */
export function startHubMonitor(options: HubMonitorOptions): RunningHubMonitor {
  const { log } = options;
  const clock = options.clock ?? systemClock;
  const pollInterval = options.pollInterval ?? seconds(2);
  const echoInterval = options.echoInterval ?? seconds(15);
  const echoTimeout = options.echoTimeout ?? seconds(3);
  const listeners = new Set<(state: HubLinkState) => void>();
  const stop = new AbortController();
  let model = initialLinkModel(options.mode);
  let wakeEcho = new AbortController();
  let wakePoll = new AbortController();

  function update(input: LinkInput): void {
    const before = describeLink(model);
    const path = model.path;
    model = updateLink(model, input);
    const after = describeLink(model);
    if (model.path !== path) wakeEcho.abort();
    if (!isLinkChange(before, after)) return;
    if (before.link !== after.link) {
      const fields = { from: before.link, to: after.link, reason: after.reason, rtt: after.rtt };
      if (after.link === "online") log.info("Hub link changed", fields);
      else log.warn("Hub link changed", fields);
    }
    for (const listener of listeners) listener(after);
  }

  async function poll(): Promise<void> {
    while (!stop.signal.aborted) {
      let sample: PathSample;
      try {
        sample = await options.probePath(echoTimeout);
      } catch (error) {
        sample = { up: false, reason: reasonOf(error), server: model.sample.server };
      }
      if (stop.signal.aborted) return;
      update({ kind: "path", sample });
      wakePoll = new AbortController();
      await pause(pollInterval, wakePoll.signal);
    }
  }

  async function echo(): Promise<void> {
    while (!stop.signal.aborted) {
      wakeEcho = new AbortController();
      let next: Millis = echoInterval;
      const { path } = model;
      if (model.sample.up) {
        const result = await sendEcho();
        if (stop.signal.aborted) return;
        update({ kind: "echo", path, result });
        // A hub that does not answer is asked more often: what waits for it should not wait longer than needed.
        if (result.kind === "failed") next = millis(Math.min(echoInterval, echoTimeout));
      }
      await pause(next, wakeEcho.signal);
    }
  }

  async function sendEcho(): Promise<EchoResult> {
    try {
      return { kind: "answered", rtt: await options.echo(echoTimeout) };
    } catch (error) {
      return { kind: "failed", reason: reasonOf(error) };
    }
  }

  const pause = (duration: Millis, wake: AbortSignal): Promise<void> =>
    clock.sleep(duration, AbortSignal.any([wake, stop.signal])).catch(() => {});

  const running = Promise.all([poll(), echo()]);
  return {
    state: () => describeLink(model),
    path: () => model.path,
    onChange: (listener) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    check: () => wakePoll.abort(),
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("the monitor was stopped"));
      await running;
    },
  };
}
