import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { isErrno, readSmallFile, writeFileAtomic } from "./files.ts";
import type { DeviceIdentity } from "./identity.ts";

const FOLDER = "enrolment";
const FILE = "identity.json";
const MAX_SIZE = 4096;

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const schema = z.object({
  version: z.literal(1),
  machine: digest.optional(),
  serial: z.object({ source: z.enum(["device-tree", "dmi-uuid", "dmi-serial"]), digest }).optional(),
});

/** What was kept of the device when it was enrolled: undefined when it never was, "damaged" when that cannot be read. */
export async function loadIdentity(stateDir: string): Promise<DeviceIdentity | "damaged" | undefined> {
  try {
    const { machine, serial } = schema.parse(JSON.parse(await readSmallFile(recordPath(stateDir), MAX_SIZE)));
    return { machine, serial };
  } catch (error) {
    return isErrno(error, "ENOENT") ? undefined : "damaged";
  }
}

/** Survives a power cut when it returns. */
export async function saveIdentity(stateDir: string, identity: DeviceIdentity): Promise<void> {
  await mkdir(join(stateDir, FOLDER), { recursive: true, mode: 0o700 });
  await writeFileAtomic(recordPath(stateDir), `${JSON.stringify({ version: 1, ...identity })}\n`);
}

const recordPath = (stateDir: string): string => join(stateDir, FOLDER, FILE);
