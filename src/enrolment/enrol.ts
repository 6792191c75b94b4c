import { mkdir } from "node:fs/promises";
import { dialUser, isRefusedLogin, requestText } from "../adapters/lattice/dial-user.ts";
import type { NatsTls } from "../adapters/lattice/connection.ts";
import { describeNatsError } from "../adapters/lattice/nats-error.ts";
import { enrolmentInbox, fleetSubject } from "../adapters/lattice/subjects.ts";
import { isPetioleError, PetioleError } from "../domain/errors.ts";
import type { Millis } from "../domain/units.ts";
import { readIdentity } from "../lib/identity.ts";
import { withoutLogin } from "../lib/without-login.ts";
import { validityOf } from "./credentials.ts";
import { createKeys, readAnswer } from "./exchange.ts";
import { factsOf } from "./facts.ts";
import {
  activeBundle,
  forgetRequest,
  readEnrolment,
  readRequest,
  restoreCredentials,
  saveDevice,
  saveEnrolment,
  saveRequest,
  type Enrolment,
  type NewKeys,
} from "./record.ts";
import { formatRequest } from "./protocol.ts";
import { parseToken, type EnrolmentToken } from "./token.ts";

export interface EnrolOptions {
  readonly stateDir: string;
  /** Name of the device, as its configuration has it. */
  readonly device: string;
  /** What `petiole fleet token` printed. */
  readonly token: string;
  /** For `tls://` servers, from the configuration of the hub. */
  readonly tls?: NatsTls | undefined;
  /** Gives up the enrolment that the device has. */
  readonly force?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface EnrolResult {
  readonly name: string;
  /** Public key of the device. */
  readonly key: string;
  /** Public key of the fleet's account. */
  readonly fleet: string;
  /** By the fleet's clock. */
  readonly issued: Millis;
  readonly expires: Millis | undefined;
  /** The device was enrolled with this token before; nothing was asked. */
  readonly already: boolean;
}

/**
 * Makes the device a member of the fleet that the token is of. May be repeated after any failure and after a power cut:
 * the keys are written down before anything is asked, and the fleet answers the same keys again.
 * @throws PetioleError ERR_ENROL_TOKEN, ERR_ENROL_EXISTS, ERR_ENROL_REFUSED; retryable: ERR_ENROL_UNREACHABLE and
 * ERR_ENROL_STATE
 */
export async function enrolDevice(options: EnrolOptions): Promise<EnrolResult> {
  const { stateDir, device, signal } = options;
  const token = parseToken(options.token);
  await makeStateDir(stateDir);
  const before = await unlessForced(options, () => readEnrolment(stateDir));
  if (before?.token === token.publicKey && before.name === device && options.force !== true) {
    await restoreCredentials(stateDir, before);
    return { ...resultOf(before), already: true };
  }
  if (before !== undefined && options.force !== true) {
    const message = `This device is enrolled as "${before.name}" already: --force gives that up`;
    throw new PetioleError("ERR_ENROL_EXISTS", message);
  }
  const machine = await readIdentity();
  const keys = await keysFor(options, token);
  const payload = {
    v: 1,
    purpose: "enrol",
    fleet: token.fleet,
    name: device,
    key: keys.key.publicKey,
    recovery: keys.recovery.publicKey,
    facts: factsOf(machine),
  } as const;
  const answer = await askWithToken(token, formatRequest(payload, [token, keys.key, keys.recovery]), options);
  signal?.throwIfAborted();
  const bundle = readAnswer(answer, token.fleet, keys);
  if (bundle === undefined) throw new PetioleError("ERR_ENROL_UNREACHABLE", "Cannot use the fleet's answer");
  const enrolment: Enrolment = {
    version: 1,
    name: device,
    fleet: token.fleet,
    urls: [...token.urls],
    token: token.publicKey,
    current: bundle,
  };
  // Before there is anything that a copy could use.
  await saveDevice(stateDir, machine);
  await saveEnrolment(stateDir, enrolment);
  await forgetRequest(stateDir);
  return { ...resultOf(enrolment), already: false };
}

async function makeStateDir(stateDir: string): Promise<void> {
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new PetioleError("ERR_ENROL_STATE", `Cannot make the folder "${stateDir}"`, { cause });
  }
}

/** Those that this token was used with before, so that the fleet answers the same device again. */
async function keysFor(options: EnrolOptions, { publicKey: token }: EnrolmentToken): Promise<NewKeys> {
  const { stateDir, device: name } = options;
  const asked = await unlessForced(options, () => readRequest(stateDir));
  if (asked?.token === token && asked.name === name) return asked;
  const keys = createKeys();
  await saveRequest(stateDir, { token, name, ...keys });
  return keys;
}

/** What is damaged is given up by whoever says so. */
async function unlessForced<T>({ force }: EnrolOptions, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (force === true && isPetioleError(error, "ERR_ENROL_STATE")) return undefined;
    throw error;
  }
}

function resultOf(enrolment: Enrolment): Omit<EnrolResult, "already"> {
  const { key, jwt } = activeBundle(enrolment);
  const validity = validityOf(jwt);
  if (validity === undefined) throw new PetioleError("ERR_ENROL_STATE", "The device's credentials are damaged");
  const { name, fleet } = enrolment;
  return { name, fleet, key: key.publicKey, issued: validity.issued, expires: validity.expires };
}

async function askWithToken(
  token: EnrolmentToken,
  request: string,
  { tls, signal, device }: EnrolOptions,
): Promise<string> {
  return await askAround({
    servers: token.urls,
    login: token,
    subject: fleetSubject("enrol", token.publicKey),
    request,
    tls,
    name: `petiole enrol ${device}`,
    signal,
    refused: "the token expired long ago, was withdrawn, or is of another fleet",
  });
}

export interface AskAroundOptions {
  readonly servers: readonly string[];
  readonly login: { readonly jwt: string; readonly seed: string; readonly publicKey: string };
  readonly subject: string;
  readonly request: string;
  readonly tls: NatsTls | undefined;
  readonly name: string;
  readonly signal: AbortSignal | undefined;
  /** What it means when the hub does not let us in. */
  readonly refused: string;
}

/**
 * Asks the fleet over a connection of its own.
 * @throws PetioleError ERR_ENROL_REFUSED when the hub does not let us in, ERR_ENROL_UNREACHABLE
 */
export async function askAround(options: AskAroundOptions): Promise<string> {
  const { login, servers, subject, request, refused, signal } = options;
  const where = servers.map((url) => `"${withoutLogin(url)}"`).join(", ");
  try {
    const inboxRoot = enrolmentInbox(login.publicKey);
    const connection = await dialUser({ ...options, ...login, inboxRoot });
    try {
      return await requestText(connection, subject, request, signal);
    } finally {
      await connection.close();
    }
  } catch (cause) {
    if (signal?.aborted === true) throw cause;
    if (isRefusedLogin(cause)) {
      throw new PetioleError("ERR_ENROL_REFUSED", `The hub at ${where} does not let this device in: ${refused}`, {
        cause,
      });
    }
    const reason = describeNatsError(cause);
    throw new PetioleError("ERR_ENROL_UNREACHABLE", `Cannot ask the fleet at ${where}: ${reason}`, { cause });
  }
}
