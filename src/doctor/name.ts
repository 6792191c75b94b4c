import type { Config } from "../config/schema.ts";
import type { Finding } from "./finding.ts";

/** That of the package's configuration, which every device has at first. */
const NOBODYS = "unnamed";

/** The device's name, which has to be its own once there is a hub. */
export function examineName({ device, hub }: Pick<Config, "device" | "hub">): Finding[] {
  if (device.id !== NOBODYS || hub === undefined) return [];
  const message = `the device goes by "${NOBODYS}", the name in the package: to the hub, two such devices are one`;
  return [{ check: "name", level: "fault", message, remedy: "set device.id to a name of its own" }];
}
