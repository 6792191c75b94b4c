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
  await using _serving = serveFleet({ fleet, clock: systemClock, log });
  log.info("The fleet is stopping", { signal: await told.promise });
}
