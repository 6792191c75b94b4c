import { createHash } from "node:crypto";
import { arch } from "node:os";
import { VERSION } from "../domain/version.ts";
import { readSmallFile } from "../lib/files.ts";
import type { DeviceFacts } from "./protocol.ts";

/** The kernel's device tree has the serial number of a board. */
const SERIALS = ["/sys/firmware/devicetree/base/serial-number", "/sys/class/dmi/id/product_serial"] as const;
const MACHINE_ID = "/etc/machine-id";

/** What tells this machine from others, as far as it says. */
export async function readFacts(): Promise<DeviceFacts> {
  const machine = await firstLine(MACHINE_ID);
  let serial: string | undefined;
  for (const file of SERIALS) serial ??= await firstLine(file);
  return {
    // machine-id(5) asks not to show it to others as it is.
    ...(machine === undefined ? {} : { machine: createHash("sha256").update(`petiole:${machine}`).digest("hex") }),
    ...(serial === undefined ? {} : { serial }),
    arch: arch(),
    version: VERSION,
  };
}

async function firstLine(file: string): Promise<string | undefined> {
  const text = await readSmallFile(file, 128).catch(() => "");
  const line = text.split(/[\n\0]/, 1)[0]?.trim();
  return line === undefined || line === "" ? undefined : line;
}
