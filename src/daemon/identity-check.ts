import type { StatusError } from "../domain/status.ts";
import { PetioleError } from "../domain/errors.ts";
import { loadIdentity, saveIdentity } from "../lib/identity-record.ts";
import { compareIdentity, readIdentity, type IdentityPolicy } from "../lib/identity.ts";
import type { Logger } from "../lib/log.ts";
import { reasonOf } from "../lib/reason.ts";

export interface IdentityCheckDeps {
  readonly stateDir: string;
  readonly device: string;
  readonly policy: IdentityPolicy;
  /** Folder of the system that the agent runs in. */
  readonly root?: string;
  readonly log: Logger;
}

/**
 * Compares this device with the one that was enrolled. Returns why the hub must not be connected to, if so: two devices
 * of one name push each other off the hub, and the hub cannot tell their messages apart.
 */
export async function checkIdentity(deps: IdentityCheckDeps): Promise<StatusError | undefined> {
  const { stateDir, device, policy, root, log } = deps;
  const enrolled = await loadIdentity(stateDir);
  if (enrolled === undefined || policy === "off") return undefined;
  const now = await readIdentity(root);
  if (enrolled === "damaged") {
    log.warn("The record of the enrolled device cannot be read; this device is taken for it");
    await bringUpToDate();
    return undefined;
  }
  const verdict = compareIdentity(enrolled, now, policy);
  if (verdict === "other") {
    const { code, message } = new PetioleError(
      "ERR_IDENTITY_MISMATCH",
      `Cannot connect to the hub as "${device}": this is not the device that was enrolled, but another board or a copy; ` +
        "`petiole enrol --force` makes it one of its own, or the same one on new hardware",
    );
    log.error("This is not the device that was enrolled", { code, reason: message });
    return { code, message };
  }
  if (verdict === "unknown") log.warn("This device has neither a serial nor a machine id: a copy of it is not noticed");
  if (verdict === "changed") {
    log.info("The device that was enrolled has changed, and is still the same", { policy });
    // What cannot be read now is not forgotten.
    await bringUpToDate();
  }
  return undefined;

  async function bringUpToDate(): Promise<void> {
    const known = enrolled === "damaged" ? undefined : enrolled;
    const next = { machine: now.machine ?? known?.machine, serial: now.serial ?? known?.serial };
    await saveIdentity(stateDir, next).catch((error: unknown) =>
      log.warn("Cannot keep what is known of this device", { reason: reasonOf(error) }),
    );
  }
}
