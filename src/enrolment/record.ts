// Who this device is to its fleet: one file, replaced in one step by each change, and the credentials file that is made
// from it for whatever connects to the hub.

import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { PetioleError } from "../domain/errors.ts";
import { credentialsFile, enrolmentFolder } from "../lib/enrolment-folder.ts";
import { isErrno, syncFolder, writeFileAtomic } from "../lib/files.ts";
import { saveIdentity } from "../lib/identity-record.ts";
import type { DeviceIdentity } from "../lib/identity.ts";
import { reasonOf } from "../lib/reason.ts";
import { formatCredentials } from "./credentials.ts";
import type { KeyText } from "./keys.ts";

const ENROLMENT = "enrolment.json";
/** What a device asks with that is not enrolled yet, or wants to be anew. */
const REQUEST = "request.json";

const key = z.object({ publicKey: z.string(), seed: z.string() });
const keys = { key, recovery: key };
const bundle = z.object({ ...keys, jwt: z.string(), recoveryJwt: z.string() });

const enrolmentSchema = z.object({
  version: z.literal(1),
  name: z.string(),
  /** Public key of the fleet's account. */
  fleet: z.string(),
  /** Where the fleet is asked when the credentials do not open the link any more. */
  urls: z.array(z.string()),
  /** Public key of the token that was used. */
  token: z.string(),
  /** What the hub is known to let in, or is told to. */
  current: bundle,
  /** What is to take its place, and opens the link already: it counts when it was seen to do so. */
  next: bundle.optional(),
  /** Keys that the fleet was asked about, and nothing has come for yet. */
  asked: z.object(keys).optional(),
});

const requestSchema = z.object({
  /** Public key of the token. */
  token: z.string(),
  name: z.string(),
  ...keys,
});

export type Enrolment = z.infer<typeof enrolmentSchema>;
export type EnrolmentRequest = z.infer<typeof requestSchema>;
/** Keys, and what the hub lets in with them. */
export type Bundle = z.infer<typeof bundle>;
export interface NewKeys {
  readonly key: KeyText;
  readonly recovery: KeyText;
}

/** What is to open the link to the hub. */
export const activeBundle = ({ current, next }: Enrolment): Bundle => next ?? current;

/**
 * Undefined when the device is not enrolled.
 * @throws PetioleError ERR_ENROL_STATE
 */
export async function readEnrolment(stateDir: string): Promise<Enrolment | undefined> {
  return await readJson(join(enrolmentFolder(stateDir), ENROLMENT), enrolmentSchema);
}

/**
 * What was asked with before, if nothing has come of it.
 * @throws PetioleError ERR_ENROL_STATE
 */
export async function readRequest(stateDir: string): Promise<EnrolmentRequest | undefined> {
  return await readJson(join(enrolmentFolder(stateDir), REQUEST), requestSchema);
}

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return undefined;
    throw new PetioleError("ERR_ENROL_STATE", `Cannot read "${path}": ${reasonOf(cause)}`, { cause });
  }
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  // Says nothing of what it found: that may be the better part of a seed.
  throw new PetioleError("ERR_ENROL_STATE", `Cannot use "${path}": it is damaged; enrol again with --force`);
}

/**
 * Durable when it resolves.
 * @throws PetioleError ERR_ENROL_STATE
 */
export async function saveEnrolment(stateDir: string, enrolment: Enrolment): Promise<void> {
  await inFolder(stateDir, async (folder) => {
    await writeFileAtomic(join(folder, ENROLMENT), `${JSON.stringify(enrolment)}\n`);
    await writeCredentials(stateDir, enrolment);
  });
}

/**
 * What tells this device from a copy of it.
 * @throws PetioleError ERR_ENROL_STATE
 */
export async function saveDevice(stateDir: string, device: DeviceIdentity): Promise<void> {
  await inFolder(stateDir, async () => await saveIdentity(stateDir, device));
}

/** @throws PetioleError ERR_ENROL_STATE */
export async function saveRequest(stateDir: string, request: EnrolmentRequest): Promise<void> {
  await inFolder(stateDir, async (folder) => {
    await writeFileAtomic(join(folder, REQUEST), `${JSON.stringify(request)}\n`);
  });
}

/**
 * When its answer is kept, and not before: without its keys the token is lost.
 * @throws PetioleError ERR_ENROL_STATE
 */
export async function forgetRequest(stateDir: string): Promise<void> {
  await inFolder(stateDir, async (folder) => {
    await rm(join(folder, REQUEST), { force: true });
    await syncFolder(folder);
  });
}

/**
 * Makes the credentials file what the enrolment says, as the power may have been cut between the two.
 * @throws PetioleError ERR_ENROL_STATE
 */
export async function restoreCredentials(stateDir: string, enrolment: Enrolment): Promise<void> {
  await inFolder(stateDir, async () => await writeCredentials(stateDir, enrolment));
}

async function writeCredentials(stateDir: string, enrolment: Enrolment): Promise<void> {
  const path = credentialsFile(stateDir);
  const { jwt, key } = activeBundle(enrolment);
  const content = formatCredentials({ jwt, seed: key.seed });
  const before = await readFile(path, "utf8").catch(() => undefined);
  // One that is the same is not written: it would be one more writing to the card.
  if (before !== content) await writeFileAtomic(path, content);
}

async function inFolder(stateDir: string, work: (folder: string) => Promise<void>): Promise<void> {
  const folder = enrolmentFolder(stateDir);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await work(folder);
  } catch (cause) {
    throw new PetioleError("ERR_ENROL_STATE", `Cannot write in "${folder}": ${reasonOf(cause)}`, { cause });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
