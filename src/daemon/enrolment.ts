import type { Config } from "../config/schema.ts";
import { PetioleError } from "../domain/errors.ts";
import type { EnrolmentStatus } from "../domain/status.ts";
import { millis, type Millis } from "../domain/units.ts";
import type { EnrolmentKeeper } from "../enrolment/keep.ts";
import type { ClockSync } from "../lib/clock-sync/clock-sync.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Hub } from "./hub.ts";
import { tlsFiles } from "./leaf-settings.ts";

export interface OpenEnrolmentDeps {
  readonly config: Config;
  readonly hub: Hub;
  readonly clock: Clock;
  readonly clockSync: Pick<ClockSync, "trust" | "status">;
  readonly log: Logger;
}

/** Renews what the device got by enrolling. Undefined for one that uses other credentials, or must not connect. */
export async function openEnrolment(deps: OpenEnrolmentDeps): Promise<EnrolmentKeeper | undefined> {
  const { config, hub, clock, clockSync, log } = deps;
  const { path } = hub;
  if (config.hub?.enrolled !== true || path === undefined) return undefined;
  // Most devices of today have other credentials: what they do not use is not loaded.
  const { keepEnrolment } = await import("../enrolment/keep.ts");
  return keepEnrolment({
    stateDir: config.state_dir,
    device: config.device.id,
    tls: config.hub.tls === undefined ? undefined : tlsFiles(config.hub.tls),
    connection: path.connection,
    link: () => hub.state(),
    onLinkChange: (listener) => path.monitor.onChange(listener),
    time: () => knownTime(clock, clockSync),
    clock,
    log,
  });
}

/** What time it is by a clock that can be trusted, or by the hub's. */
function knownTime(clock: Clock, clockSync: OpenEnrolmentDeps["clockSync"]): Millis | undefined {
  if (clockSync.trust() === "synced") return clock.wall();
  const { hubOffset } = clockSync.status();
  return hubOffset === undefined ? undefined : millis(clock.wall() + hubOffset);
}

export async function renewEnrolment(keeper: EnrolmentKeeper | undefined): Promise<EnrolmentStatus> {
  if (keeper !== undefined) return await keeper.renew();
  const message = "Cannot renew credentials: the agent's configuration does not want `hub.enrolled`, or has no hub";
  throw new PetioleError("ERR_ENROL_STATE", message);
}
