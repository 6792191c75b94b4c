import { days } from "../../domain/units.ts";
import { serveFleet } from "../../fleet/serve.ts";
import { systemClock } from "../../lib/clock.ts";
import { createLogger } from "../../lib/json-log.ts";
import { fleetOf, type FleetOptions } from "./shared.ts";

/** `petiole fleet serve` */
export async function fleetServe(options: FleetOptions): Promise<void> {
  const told = Promise.withResolvers<string>();
  process.once("SIGTERM", told.resolve);
  process.once("SIGINT", told.resolve);
  using fleet = await fleetOf(options);
  const log = createLogger("info");
  // Nothing else keeps the process while the hub is away: the pauses between two tries do not.
  const alive = setInterval(() => {}, days(1));
  await using _serving = serveFleet({ fleet, clock: systemClock, log });
  log.info("The fleet is stopping", { signal: await told.promise });
  clearInterval(alive);
}
