import { join } from "node:path";
import { findNatsServer } from "../adapters/leaf/find-server.ts";
import type { LeafSettings } from "../adapters/leaf/leaf-config.ts";
import type { LeafLogins } from "../adapters/leaf/leaf-logins.ts";
import { startLeafServer, type LeafServer } from "../adapters/leaf/leaf-server.ts";
import { packedServer, unpackServer } from "../adapters/leaf/packed-server.ts";
import { seconds } from "../domain/units.ts";
import { backoffDelay } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { reasonOf } from "../lib/reason.ts";

export interface LeafServerKeeperDeps {
  readonly settings: LeafSettings;
  readonly logins: LeafLogins;
  /** Path of the nats-server from the configuration. */
  readonly configured: string | undefined;
  readonly folder: string;
  /** Where what petiole carries is unpacked. */
  readonly cacheDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Gets the local nats-server going in the background: the agent works without it, and starts without waiting for it. */
export interface LeafServerKeeper extends AsyncDisposable {
  current(): LeafServer | undefined;
  /** Why there is none, for people. */
  reason(): string;
}

const BACKOFF = { initial: seconds(1), max: seconds(60) };

export function keepLeafServer(deps: LeafServerKeeperDeps): LeafServerKeeper {
  const { settings, logins, configured, folder, cacheDir, env, clock, log } = deps;
  const stop = new AbortController();
  let server: LeafServer | undefined;
  let reason = "the local nats-server is starting";
  const starting = start();

  async function start(): Promise<void> {
    const packed = packedServer();
    const unpack = packed && (() => unpackServer(packed, join(cacheDir, "nats-server")));
    for (let attempt = 0; !stop.signal.aborted; attempt++) {
      try {
        const binary = await findNatsServer({ env, configured, unpack });
        const started = await startLeafServer({ settings, logins, binary, folder, clock, log });
        server = started;
        return;
      } catch (error) {
        const why = reasonOf(error);
        if (why !== reason) log.error("Cannot start the local nats-server", { err: error });
        reason = why;
        await clock.sleep(backoffDelay(attempt, BACKOFF), stop.signal).catch(() => {});
      }
    }
  }

  return {
    current: () => server,
    reason: () => reason,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await starting;
      await server?.[Symbol.asyncDispose]();
    },
  };
}
