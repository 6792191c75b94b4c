import { arch } from "node:os";
import { VERSION } from "../domain/version.ts";
import type { DeviceIdentity } from "../lib/identity.ts";
import type { DeviceFacts } from "./protocol.ts";

/** For people who look at the list of devices: what a device tells of itself. */
export function factsOf({ machine, serial }: DeviceIdentity): DeviceFacts {
  return {
    ...(machine === undefined ? {} : { machine }),
    ...(serial === undefined ? {} : { serial: serial.digest }),
    arch: arch(),
    version: VERSION,
  };
}
