// What a device is told. Each answer is one transaction of the registry; asking the same again gives as good an answer,
// as replies are lost on the way.

import type { FleetRequest } from "../adapters/lattice/subjects.ts";
import type { KeyText } from "../enrolment/keys.ts";
import { parseRequest, type Answer, type Payload, type Purpose, type Refusal } from "../enrolment/protocol.ts";
import { roleUserToken } from "./claims.ts";
import type { DeviceRow, Registry, TokenRow } from "./registry.ts";

export interface FleetFacts {
  readonly registry: Registry;
  /** Public key of the account. */
  readonly account: string;
  /** The account's signing key for tokens and recovery. */
  readonly enrolment: KeyText;
  /** For how long credentials hold, in seconds. */
  readonly lifetime: number;
}

export interface Question {
  readonly request: FleetRequest;
  /** The asker's own, as the hub let it in. */
  readonly key: string;
  readonly body: string;
}

export interface Outcome {
  readonly answer: Answer;
  /** What is asked, as far as it was understood. */
  readonly device: string | undefined;
}

/** A device that makes more in the lifetime of its credentials is broken, or hostile. */
const MAX_KEYS = 24;

class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal, message: string) {
    super(message);
    this.refusal = refusal;
  }
}

/** Throws what the registry throws. */
export function answerDevice(fleet: FleetFacts, question: Question, now: number): Outcome {
  const payload = parseRequest(question.body, question.key);
  const purposes: readonly Purpose[] = question.request === "renew" ? ["renew", "confirm"] : [question.request];
  if (payload === undefined || payload.fleet !== fleet.account || !purposes.includes(payload.purpose)) {
    return refusal(new Refused("malformed", "the request is not well formed, or not signed by its keys"), undefined);
  }
  try {
    return fleet.registry.transaction(() => ANSWERS[payload.purpose](fleet, { payload, asker: question.key, now }));
  } catch (error) {
    if (error instanceof Refused) return refusal(error, payload.name);
    throw error;
  }
}

const refusal = ({ refusal, message }: Refused, device: string | undefined): Outcome => ({
  answer: { ok: false, refusal, message, retryable: false },
  device,
});

interface Asked {
  readonly payload: Payload;
  readonly asker: string;
  readonly now: number;
}

const ANSWERS: Readonly<Record<Purpose, (fleet: FleetFacts, asked: Asked) => Outcome>> = {
  enrol,
  renew,
  recover: renew,
  confirm,
};

function enrol(fleet: FleetFacts, asked: Asked): Outcome {
  const { registry } = fleet;
  const { payload, asker, now } = asked;
  const token = registry.token(asker);
  if (token === undefined) throw new Refused("unknown-token", "the fleet does not know this token");
  const same = registry.deviceOfKey(payload.key);
  if (same !== undefined) {
    if (
      same.token !== asker ||
      same.name !== payload.name ||
      same.key !== payload.key ||
      same.recovery !== payload.recovery
    ) {
      throw new Refused("key-known", "this key belongs to a device already");
    }
    // The reply was lost on its way, or the power was cut before it was written down.
    refuseRevoked(same);
    return issue(fleet, asked, same);
  }
  checkToken(token, asked);
  checkKeysNew(registry, payload);
  const holder = registry.device(payload.name);
  if (holder !== undefined) {
    if (token.replaces === 0) {
      throw new Refused(
        "name-taken",
        `another device is enrolled as "${payload.name}"; a token with --replace takes its place`,
      );
    }
    registry.revokeDevice(holder.name, now);
    registry.removeDevice(holder.name);
  }
  const { name, key, recovery } = payload;
  const facts = JSON.stringify(payload.facts);
  const { profile, labels } = token;
  registry.useToken(asker);
  registry.addDevice({ name, profile, token: asker, key, recovery, expires: now + fleet.lifetime, facts, labels }, now);
  const device = registry.device(name);
  if (device === undefined) throw new Refused("unavailable", "the device was not written down");
  return issue(fleet, asked, device);
}

function checkToken(token: TokenRow, { payload, now }: Asked): void {
  if (token.withdrawn !== null) throw new Refused("token-withdrawn", "the token was withdrawn");
  if (now >= token.expires) throw new Refused("token-expired", "the token has expired");
  if (token.used >= token.uses) throw new Refused("token-spent", "the token was used by another device");
  if (token.device !== null && token.device !== payload.name) {
    throw new Refused("name-mismatch", `the token is for "${token.device}", and this device is "${payload.name}"`);
  }
}

/** By its link's key, or by its recovery key when that opens nothing any more. */
function renew(fleet: FleetFacts, asked: Asked): Outcome {
  const { registry } = fleet;
  const { payload, now } = asked;
  const device = askingDevice(fleet, asked);
  const isAskedAgain = device.next_key === payload.key && device.next_recovery === payload.recovery;
  if (!isAskedAgain) {
    checkKeysNew(registry, payload);
    if (registry.keyCount(device.name, now) >= MAX_KEYS) {
      throw new Refused("too-many-keys", "the device has made too many keys; wait until older credentials expire");
    }
    registry.proposeKeys(device.name, payload.key, payload.recovery);
  }
  return issue(fleet, asked, device);
}

function confirm(fleet: FleetFacts, asked: Asked): Outcome {
  const { name } = askingDevice(fleet, asked);
  return { answer: { ok: true, name }, device: name };
}

/** Using a new key is what makes it the device's own. */
function askingDevice({ registry }: FleetFacts, { payload, asker, now }: Asked): DeviceRow {
  const found = registry.deviceOfKey(asker);
  if (found === undefined) {
    const owner = registry.ownerOfKey(asker);
    const holder = owner === undefined ? undefined : registry.device(owner.device);
    if (holder === undefined)
      throw new Refused("unknown-device", "the fleet does not know this device, or not any more");
    throw new Refused("superseded", "these credentials were replaced by newer ones: this is a copy, or an old backup");
  }
  refuseRevoked(found);
  const role = payload.purpose === "recover" ? "recovery" : "key";
  if (asker !== found[role] && asker !== found[`next_${role}`]) {
    throw new Refused("malformed", "the request was sent with a key that is not for it");
  }
  if (found.name !== payload.name) {
    throw new Refused(
      "name-mismatch",
      `this device is enrolled as "${found.name}", and calls itself "${payload.name}"`,
    );
  }
  if (asker === found[`next_${role}`]) registry.promoteKeys(found.name, now);
  registry.seeDevice(found.name, now, JSON.stringify(payload.facts));
  return registry.device(found.name) ?? found;
}

function refuseRevoked({ name, revoked }: DeviceRow): void {
  if (revoked === null) return;
  throw new Refused("revoked", `"${name}" was revoked on ${new Date(revoked * 1000).toISOString().slice(0, 10)}`);
}

function checkKeysNew(registry: Registry, { key, recovery }: Payload): void {
  for (const one of [key, recovery]) {
    if (registry.ownerOfKey(one) === undefined && registry.deviceOfKey(one) === undefined) continue;
    throw new Refused("key-known", "this key was used before");
  }
}

function issue(fleet: FleetFacts, { payload, now }: Asked, device: DeviceRow): Outcome {
  const { registry, account, enrolment, lifetime } = fleet;
  const profile = registry.profile(device.profile);
  if (profile === undefined) throw new Refused("unavailable", `the fleet has no profile "${device.profile}" any more`);
  const { key, recovery } = payload;
  const { name } = device;
  const expires = now + lifetime;
  registry.keepKey(key, name, "link", expires);
  registry.keepKey(recovery, name, "recovery", expires);
  registry.extendDevice(name, expires);
  const user = { name, account, issued: now };
  const signer = { publicKey: profile.key, seed: profile.seed };
  return {
    answer: {
      ok: true,
      name,
      jwt: roleUserToken(signer, { ...user, key, expires }),
      recovery: roleUserToken(enrolment, { ...user, key: recovery, expires: undefined }),
    },
    device: name,
  };
}
