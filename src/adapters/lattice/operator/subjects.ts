// Every subject between a host and the runtime-operator of wasmCloud 2.x.

import { overlaps } from "../../../domain/subject.ts";

const ROOT = "runtime";

/** What a host listens to. Without a queue group: an id has one host. */
export const hostSubjects = (host: string): string => `${ROOT}.host.${host}.>`;

/** Where the operator asks, such as `hostSubject("gw-1", "workload.start")`. */
export const hostSubject = (host: string, command: string): string => `${ROOT}.host.${host}.${command}`;

/** Where a host says that it is there. */
export const heartbeatSubject = (host: string): string => `${ROOT}.operator.heartbeat.${host}`;

/** `heartbeat`, `workload.start`, …; undefined for what is no subject of this host. */
export function commandOf(host: string, subject: string): string | undefined {
  const prefix = hostSubject(host, "");
  return subject.startsWith(prefix) ? subject.slice(prefix.length) : undefined;
}

/** What a workload has no business with: control planes, what NATS itself serves, and what a device and the hub say to each other. */
export const CONTROL_SUBJECTS: readonly string[] = [
  `${ROOT}.host.>`,
  `${ROOT}.operator.>`,
  "wasmbus.>",
  "wadm.>",
  "$JS.>",
  "$KV.>",
  "$O.>",
  "$SYS.>",
  "petiole.>",
  "petiole-in.>",
];

/** What a workload does not listen to: the answers to others as well, which it may give. */
const PRIVATE_SUBJECTS: readonly string[] = [...CONTROL_SUBJECTS, "_INBOX.>"];

/** What a workload would hear of that is not for it; undefined when nothing is. */
export const overheard = (subject: string): string | undefined =>
  PRIVATE_SUBJECTS.find((one) => overlaps(one, subject));
