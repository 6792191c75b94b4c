import type { Config } from "../config/schema.ts";
import { VERSION } from "../domain/version.ts";
import { systemClock } from "../lib/clock.ts";
import { createLogger } from "../lib/json-log.ts";
import { giveUpHopeless, readLaunch } from "./agent-update/launch.ts";
import { openAgent } from "./agent.ts";

/**
 * Runs the agent as `config`, which was read from `file`, says until SIGTERM or SIGINT; a second one ends the process at once.
 * @throws PetioleError when the agent cannot start or cannot stop cleanly
 */
export async function runAgent(config: Config, file: string): Promise<void> {
  const log = createLogger(config.log.level);
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
  await using _agent = await openAgent({
    config,
    file,
    env: process.env,
    clock: systemClock,
    log,
    signal: stop.signal,
    onEnd: (reason) => told.resolve(reason),
  }).catch(async (error: unknown) => {
    await giveUpHopeless(readLaunch(process.env), error, log);
    throw error;
  });
  if (!stop.signal.aborted) log.info("Agent is ready", { components: Object.keys(config.components).length });
  log.info("Agent is stopping", { signal: await told.promise });
}

/** What was committed is as safe as after a power cut. */
function endNow(): void {
  process.exit(1);
}
