// The hardware that the configuration names: is it there, and may the agent use it.

import type { Config } from "../config/schema.ts";
import type { Finding } from "./finding.ts";
import type { Machine } from "./machine.ts";
import { missingGroup, type User } from "./user.ts";

type Providers = Config["providers"];

/** A device file that a provider wants. */
interface Wanted {
  readonly provider: string;
  /** `undefined`: it is found by a label, so any chip has to do. */
  readonly path: string | undefined;
}

export function examineDevices(machine: Machine, user: User, providers: Providers): Finding[] {
  const wanted = Object.entries(providers).flatMap(([id, { type, config }]) => devicesOf(id, type, config));
  if (wanted.length === 0)
    return [{ check: "devices", level: "ok", message: "no provider uses a device of the board" }];
  return wanted.map(({ provider, path }) =>
    path === undefined ? anyChip(machine, user, provider) : one(machine, user, provider, path),
  );
}

/** What a provider's part of the configuration names. Faults of it are told by `petiole config check`. */
function devicesOf(provider: string, type: string, config: unknown): Wanted[] {
  const record = recordOf(config);
  switch (type) {
    case "gpio": {
      const { backend, chip } = recordOf(record["chip"]);
      return backend === "cdev" ? [{ provider, path: chipPath(chip) }] : [];
    }
    case "i2c": {
      const { backend, path } = recordOf(record["bus"]);
      return backend === "kernel" && typeof path === "string" ? [{ provider, path }] : [];
    }
    case "serial":
    case "modbus":
      return Object.values(recordOf(record[type === "serial" ? "ports" : "buses"])).flatMap((port) => {
        const { path } = recordOf(port);
        return typeof path === "string" && path.startsWith("/dev/") ? [{ provider, path }] : [];
      });
    default:
      return [];
  }
}

/** A chip is named by its number, its name, its path, or by its driver's label. */
function chipPath(chip: unknown): string | undefined {
  if (typeof chip === "number") return `/dev/gpiochip${chip}`;
  if (typeof chip !== "string") return undefined;
  if (/^gpiochip\d+$/.test(chip)) return `/dev/${chip}`;
  return chip.startsWith("/dev/") ? chip : undefined;
}

function anyChip(machine: Machine, user: User, provider: string): Finding {
  const chips = machine.list("/dev").filter((name) => /^gpiochip\d+$/.test(name));
  const first = chips[0];
  if (first !== undefined) return one(machine, user, provider, `/dev/${first}`);
  const message = `${provider}: the board has no GPIO chip`;
  return { check: "devices", level: "fault", message, remedy: "look at `petiole gpio list`" };
}

function one(machine: Machine, user: User, provider: string, path: string): Finding {
  const check = "devices";
  const access = machine.access(path);
  if (access === undefined) {
    const remedy = "plug it in, or correct the path; the provider waits for it and takes it when it is there";
    return { check, level: "fault", message: `${provider}: ${path} is not there`, remedy };
  }
  if (access.kind !== "device") return { check, level: "fault", message: `${provider}: ${path} is no device` };
  const group = missingGroup(machine, user, access);
  if (group === undefined) return { check, level: "ok", message: `${provider}: ${path}` };
  const message = `${provider}: ${user.name} may not use ${path}, which the group ${group} may`;
  const remedy =
    group === "root"
      ? "give the device a group by a udev rule"
      : `usermod -a -G ${group} ${user.name}, then restart the agent`;
  return { check, level: "fault", message, remedy };
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}
