import { connect } from "node:net";
import { millis, minutes, seconds, type Millis } from "../../domain/units.ts";
import { systemClock, type Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { HubMonitor } from "../../host/ports.ts";

export interface LinkWatchdogOptions {
  readonly monitor: Pick<HubMonitor, "state">;
  /** Whether the hub's leaf node port takes connections; see `canReach`. */
  readonly reachable: () => Promise<boolean>;
  readonly restart: (reason: string) => void;
  readonly log: Logger;
  readonly clock?: Clock;
  /** How long the link must have been offline before the first restart. Doubled after each one that did not help. */
  readonly patience?: Millis;
  readonly checkInterval?: Millis;
}

const MOST_PATIENCE = minutes(60);

/**
 * Restarts a local nats-server that no longer tries to reach the hub although it could: after long series of short
 * outages a server has been seen to give up. While the hub itself is away, nothing is restarted.
 */
export function startLinkWatchdog(options: LinkWatchdogOptions): AsyncDisposable {
  const clock = options.clock ?? systemClock;
  const first = options.patience ?? minutes(5);
  const stop = new AbortController();
  let patience = first;
  let offlineSince: Millis | undefined;

  async function check(): Promise<void> {
    const { link } = options.monitor.state();
    if (link !== "offline") {
      offlineSince = undefined;
      // Only a link that carries something shows that the last restart helped.
      if (link === "online") patience = first;
      return;
    }
    offlineSince ??= clock.monotonic();
    if (clock.monotonic() - offlineSince < patience || !(await options.reachable()) || stop.signal.aborted) return;
    const offline = Math.round((clock.monotonic() - offlineSince) / 1000);
    options.log.warn("The hub is reachable but the link stays down; restarting the local nats-server", { offline });
    options.restart(`the link was down for ${offline} s while the hub was reachable`);
    offlineSince = undefined;
    patience = millis(Math.min(MOST_PATIENCE, patience * 2));
  }

  async function watch(): Promise<void> {
    while (!stop.signal.aborted) {
      await check();
      await clock.sleep(options.checkInterval ?? seconds(10), stop.signal).catch(() => {});
    }
  }

  const watching = watch();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await watching;
    },
  };
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { "ws:": 80, "wss:": 443 };
const LEAF_PORT = 7422;

/** True when one of the hub's URLs takes a TCP connection within `timeout`. */
export async function canReach(urls: readonly string[], timeout: Millis): Promise<boolean> {
  const tries = await Promise.all(urls.map((url) => accepts(url, timeout)));
  return tries.includes(true);
}

function accepts(text: string, timeout: Millis): Promise<boolean> {
  if (!URL.canParse(text)) return Promise.resolve(false);
  const url = new URL(text);
  const port = url.port === "" ? (DEFAULT_PORTS[url.protocol] ?? LEAF_PORT) : Number(url.port);
  return new Promise((resolve) => {
    const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ""), port });
    const end = (reached: boolean): void => {
      socket.destroy();
      resolve(reached);
    };
    socket.setTimeout(timeout, () => end(false));
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
