// Every NATS subject that petiole builds. Device names and subjects are checked here, so that none can widen into a
// wildcard or reach into another device's space.

import type { Lane } from "../../domain/outbox.ts";
import { PetioleError } from "../../domain/errors.ts";
import { isSubject, isSubjectFilter } from "../../domain/subject.ts";

const ROOT = "petiole";
/** A root of its own: what the outbox's stream captures is `petiole.*.>`. */
const INBOUND_ROOT = "petiole-in";
const DEVICE = /^[A-Za-z0-9_-]{1,64}$/;

/** A device name is one NATS token of at most 64 letters, digits, `_` and `-`; it is also the leaf's server name. */
export function isDeviceName(text: string): boolean {
  return DEVICE.test(text);
}

/** @throws PetioleError ERR_LATTICE_MESSAGE */
export function checkDeviceName(device: string): string {
  if (isDeviceName(device)) return device;
  throw new PetioleError(
    "ERR_LATTICE_MESSAGE",
    `Cannot use the device name "${device}": want 1 to 64 letters, digits, "_" or "-"`,
  );
}

/** @throws PetioleError ERR_LATTICE_MESSAGE */
export function checkSubject(subject: string): string {
  if (isSubject(subject)) return subject;
  throw new PetioleError(
    "ERR_LATTICE_MESSAGE",
    `Cannot use the subject "${subject}": want tokens joined by ".", without spaces or wildcards`,
  );
}

/** @throws PetioleError ERR_LATTICE_MESSAGE */
export function checkSubjectFilter(filter: string): string {
  if (isSubjectFilter(filter)) return filter;
  throw new PetioleError(
    "ERR_LATTICE_MESSAGE",
    `Cannot subscribe to "${filter}": want tokens joined by ".", "*" for one token or a final ">"`,
  );
}

/**
 * Where an outbox message goes: `petiole.<device>.<lane>.<subject>`.
 * @throws PetioleError ERR_LATTICE_MESSAGE
 */
export function outboxSubject(device: string, lane: Lane, subject: string): string {
  return `${ROOT}.${checkDeviceName(device)}.${lane}.${checkSubject(subject)}`;
}

/**
 * Every message of one lane of one device.
 * @throws PetioleError ERR_LATTICE_MESSAGE
 */
export function laneFilter(device: string, lane: Lane): string {
  return `${ROOT}.${checkDeviceName(device)}.${lane}.>`;
}

/**
 * Every outbox message of a device.
 * @throws PetioleError ERR_LATTICE_MESSAGE
 */
export const deviceFilter = (device: string): string => `${ROOT}.${checkDeviceName(device)}.>`;

/** The outbox messages of every device: what the hub's stream captures. */
export function fleetFilter(): string {
  return `${ROOT}.*.>`;
}

/**
 * Every message for one device: `petiole-in.<device>.<subject>`.
 * @throws PetioleError ERR_LATTICE_MESSAGE
 */
export function inboundFilter(device: string): string {
  return `${INBOUND_ROOT}.${checkDeviceName(device)}.>`;
}

/** The messages for every device: what the hub's stream of them captures. */
export function inboundFleetFilter(): string {
  return `${INBOUND_ROOT}.*.>`;
}

/** Name of the device's durable consumer of them. */
export const inboundConsumer = (device: string): string => `petiole-${device}`;

/** What a component sees of the subject of a message for this device; undefined for a message that is for another. */
export function inboundSubject(device: string, subject: string): string | undefined {
  const prefix = `${INBOUND_ROOT}.${device}.`;
  return subject.startsWith(prefix) ? subject.slice(prefix.length) : undefined;
}

/** Where a pull consumer is asked for its next messages. */
export function nextMessages(domain: string | undefined, stream: string, consumer: string): string {
  return `${domain === undefined ? "$JS.API" : `$JS.${domain}.API`}.CONSUMER.MSG.NEXT.${stream}.${consumer}`;
}

/** Name of the stream behind a key-value bucket, and the subject of one of its keys. */
export const bucketStream = (bucket: string): string => `KV_${bucket}`;
export const bucketSubject = (bucket: string, key: string): string => `$KV.${bucket}.${key}`;

/** What JetStream tells of one stream, the time among it. */
export function streamInfo(domain: string | undefined, stream: string): string {
  return `${domain === undefined ? "$JS.API" : `$JS.${domain}.API`}.STREAM.INFO.${stream}`;
}

/** Name of the stream behind an object store, and the subjects of an object's description and of its chunks. */
export const objectStream = (bucket: string): string => `OBJ_${bucket}`;
export const objectMeta = (bucket: string, name: string): string =>
  `$O.${bucket}.M.${Buffer.from(name).toString("base64").replaceAll("+", "-").replaceAll("/", "_")}`;
export const objectChunks = (bucket: string, id: string): string => `$O.${bucket}.C.${id}`;

/** JetStream account information: the request that only a JetStream server answers, in its own domain. */
export function jetStreamInfo(domain: string | undefined): string {
  return domain === undefined ? "$JS.API.INFO" : `$JS.${domain}.API.INFO`;
}

/** True when every subject that `inner` matches is matched by `outer`. */
export function covers(outer: string, inner: string): boolean {
  const [wide, narrow] = [outer.split("."), inner.split(".")];
  for (const [i, token] of wide.entries()) {
    if (token === ">") return narrow.length > i;
    const other = narrow[i];
    if (other === undefined || other === ">") return false;
    if (token !== "*" && token !== other) return false;
  }
  return wide.length === narrow.length;
}

/** Where devices ask their fleet. A root of its own: a stream of `petiole.*.>` would answer requests there. */
const FLEET_ROOT = "petiole-fleet";
const PUBLIC_KEY = /^[A-Z2-7]{56}$/;

/** What is asked on a subject that ends in the asker's own key, which the hub has seen proved. */
export type FleetRequest = "enrol" | "renew" | "recover";

/** `key` is a public key, or what the hub replaces by that of each user. */
export const fleetSubject = (request: FleetRequest, key: string): string => `${FLEET_ROOT}.${request}.${key}`;

/** Every request of every device. */
export const fleetRequests = (): string => `${FLEET_ROOT}.*.*`;

/** Undefined for a subject that no device would ask on. */
export function parseFleetSubject(subject: string): { request: FleetRequest; key: string } | undefined {
  const [root, request, key, ...rest] = subject.split(".");
  if (root !== FLEET_ROOT || key === undefined || rest.length > 0 || !PUBLIC_KEY.test(key)) return undefined;
  return request === "enrol" || request === "renew" || request === "recover" ? { request, key } : undefined;
}

/** Where the answers go to whoever is no device yet, or none any more. */
export const enrolmentInbox = (key: string): string => `_INBOX.${FLEET_ROOT}.${key}`;

/** The server's own service that takes the token of an account, for the system account. */
export const pushClaims = (): string => "$SYS.REQ.CLAIMS.UPDATE";
