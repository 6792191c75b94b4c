// What tells one device from another, so that a copy of a card does not go on as the device it was copied from. Kept as
// digests: the id of a machine is nobody else's business.

import { createHash } from "node:crypto";
import { join } from "node:path";
import { readSmallFile } from "./files.ts";

/** Where a hardware serial was found. Values of different places cannot be compared. */
export const SERIAL_SOURCES = ["device-tree", "dmi-uuid", "dmi-serial"] as const;
export type SerialSource = (typeof SERIAL_SOURCES)[number];

export interface DeviceIdentity {
  /** Digest of the id that the system gave itself at its installation. Undefined when it has none. */
  readonly machine: string | undefined;
  /** Of the board. Undefined when it has none, or one that many boards share, or when this user may not read it. */
  readonly serial: { readonly source: SerialSource; readonly digest: string } | undefined;
}

/**
 * `hardware`: the board counts, as far as it has a serial. `machine-id`: the installed system counts, on whatever
 * board. `off`: nothing is compared.
 */
export const IDENTITY_POLICIES = ["hardware", "machine-id", "off"] as const;
export type IdentityPolicy = (typeof IDENTITY_POLICIES)[number];

/**
 * `same`: the device that was enrolled. `changed`: it is, and what is known of it is to be brought up to date. `other`:
 * it is not. `unknown`: there is nothing that could be compared.
 */
export type IdentityVerdict = "same" | "changed" | "other" | "unknown";

const SERIALS = [
  ["device-tree", "proc/device-tree/serial-number"],
  ["device-tree", "sys/firmware/devicetree/base/serial-number"],
  ["dmi-uuid", "sys/class/dmi/id/product_uuid"],
  ["dmi-serial", "sys/class/dmi/id/product_serial"],
] as const satisfies readonly (readonly [SerialSource, string])[];

/** What makers leave in the place of a serial. */
const SHARED_SERIALS: ReadonlySet<string> = new Set([
  "tobefilledbyoem",
  "defaultstring",
  "notspecified",
  "notapplicable",
  "systemserialnumber",
  "none",
  "na",
  "unknown",
  "invalid",
  "0123456789",
  "123456789",
  "03000200040005000006000700080009",
  "123456781234567890abcddeefaabbcc",
]);

/** Reads what is there below `root`, the folder of the device's system. */
export async function readIdentity(root = "/"): Promise<DeviceIdentity> {
  const machine = (await readText(join(root, "etc/machine-id"))).toLowerCase();
  let serial: DeviceIdentity["serial"];
  for (const [source, path] of SERIALS) {
    const text = normalise(await readText(join(root, path)));
    if (text === "") continue;
    serial = { source, digest: digestOf(source, text) };
    break;
  }
  return { machine: /^[0-9a-f]{32}$/.test(machine) ? digestOf("machine-id", machine) : undefined, serial };
}

/** Compares the device that was enrolled with this one. */
export function compareIdentity(
  enrolled: DeviceIdentity,
  now: DeviceIdentity,
  policy: IdentityPolicy,
): IdentityVerdict {
  if (policy === "off") return "same";
  const isComparable = enrolled.serial?.source === now.serial?.source;
  const serial = compare(isComparable ? enrolled.serial?.digest : undefined, now.serial?.digest);
  const machine = compare(enrolled.machine, now.machine);
  const [first, second] = policy === "hardware" ? [serial, machine] : [machine, serial];
  const decisive = first === "unknown" ? second : first;
  if (decisive === "differs") return "other";
  if (decisive === "unknown") return "unknown";
  const knowsMore = enrolled.serial === undefined && now.serial !== undefined;
  return second === "differs" || knowsMore ? "changed" : "same";
}

function compare(one: string | undefined, other: string | undefined): "same" | "differs" | "unknown" {
  if (one === undefined || other === undefined) return "unknown";
  return one === other ? "same" : "differs";
}

function normalise(text: string): string {
  const bare = text.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  // Nothing but one character over and over is no serial either.
  return SHARED_SERIALS.has(bare) || /^(.)\1*$/.test(bare) ? "" : bare;
}

const digestOf = (kind: string, text: string): string =>
  `sha256:${createHash("sha256").update(`petiole identity\0${kind}\0${text}`).digest("hex")}`;

/** Empty when there is none, or none that this user may read. */
async function readText(path: string): Promise<string> {
  const text = await readSmallFile(path, 256).catch(() => "");
  return text.replaceAll("\0", "").trim();
}
