import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { isErrno, readSmallFile, writeFileAtomic } from "./files.ts";
import { SERIAL_SOURCES, type DeviceIdentity } from "./identity.ts";

const FOLDER = "enrolment";
const FILE = "identity.json";
const MAX_SIZE = 4096;

/** What was kept of the device when it was enrolled: undefined when it never was, "damaged" when that cannot be read. */
export async function loadIdentity(stateDir: string): Promise<DeviceIdentity | "damaged" | undefined> {
  try {
    return parseIdentity(JSON.parse(await readSmallFile(recordPath(stateDir), MAX_SIZE))) ?? "damaged";
  } catch (error) {
    return isErrno(error, "ENOENT") ? undefined : "damaged";
  }
}

/** Survives a power cut when it returns. */
export async function saveIdentity(stateDir: string, identity: DeviceIdentity): Promise<void> {
  await mkdir(join(stateDir, FOLDER), { recursive: true, mode: 0o700 });
  await writeFileAtomic(recordPath(stateDir), `${JSON.stringify({ version: 1, ...identity })}\n`);
}

/** Undefined for what no version wrote. Checked by hand: every start of a device that enrolled reads it. */
function parseIdentity(raw: unknown): DeviceIdentity | undefined {
  const record = fieldsOf(raw);
  const { version, machine, serial } = record;
  if (version !== 1 || (machine !== undefined && !isDigest(machine))) return undefined;
  if (serial === undefined) return { machine, serial };
  const { digest, source: found } = fieldsOf(serial);
  const source = SERIAL_SOURCES.find((one) => one === found);
  return source === undefined || !isDigest(digest) ? undefined : { machine, serial: { source, digest } };
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? { ...value } : {};

const isDigest = (value: unknown): value is string => typeof value === "string" && /^sha256:[0-9a-f]{64}$/.test(value);

const recordPath = (stateDir: string): string => join(stateDir, FOLDER, FILE);
