import { warmStoreThread } from "../adapters/store/index.ts";
import { loadConfigFast } from "../config/load.ts";
import { VERSION } from "../domain/version.ts";
import { systemClock } from "../lib/clock.ts";
import { buildId } from "../lib/parts.ts";
import type { ServiceEnv } from "../lib/systemd/notify.ts";
import { giveUpHopeless, readLaunch } from "./agent-update/launch.ts";
import { openAgent } from "./agent.ts";
import { agentLine } from "./agent-line.ts";
import { openLog } from "./open-log.ts";
import { openService } from "./service.ts";

/**
 * Runs the agent as the configuration in `file`, an absolute path, says until SIGTERM or SIGINT; a second one ends the
 * process at once.
 * @throws PetioleError when the configuration cannot be used, or the agent cannot start or cannot stop cleanly
 */
export async function runAgent(file: string): Promise<void> {
  // Loads beside what follows.
  const storeThread = warmStoreThread();
  const { config, keep } = await loadConfigFast(file, buildId());
  const { log, suppressed, tail } = await openLog({
    config: config.log,
    journalStream: process.env["JOURNAL_STREAM"],
    clock: systemClock,
  });
  const told = Promise.withResolvers<string>();
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    process.once("SIGTERM", endNow);
    process.once("SIGINT", endNow);
    told.resolve(signal);
    stop.abort();
  };
  process.once("SIGTERM", onSignal);
  process.once("SIGINT", onSignal);

  log.info("Agent is starting", { version: VERSION, device: config.device.id, node: process.versions.node });
  using service = openService({ env: takeServiceEnv(), pid: process.pid, clock: systemClock, log, suppressed });
  await using agent = await openAgent({
    config,
    file,
    storeThread,
    env: process.env,
    clock: systemClock,
    log,
    tail,
    service,
    signal: stop.signal,
    onEnd: (reason) => told.resolve(reason),
  }).catch(async (error: unknown) => {
    await giveUpHopeless(readLaunch(process.env), error, log);
    throw error;
  });
  if (!stop.signal.aborted) {
    service.ready(() => agentLine(agent.glance()));
    log.info("Agent is ready", { components: Object.keys(config.components).length });
    keep().catch((error: unknown) => log.debug("The next start will not be faster", { err: error }));
  }
  log.info("Agent is stopping", { signal: await told.promise });
  service.stopping();
}

/** What the service manager said to this process; those that it starts are none of its concern. */
function takeServiceEnv(): ServiceEnv {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = process.env;
  for (const name of ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]) delete process.env[name];
  return { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID };
}

/** What was committed is as safe as after a power cut. */
function endNow(): void {
  process.exit(1);
}
