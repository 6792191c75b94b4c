// Every subject between a host and the runtime-operator of wasmCloud 2.x.

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

/** What the control plane is: a workload has no business there. */
export const CONTROL_SUBJECTS: readonly string[] = [`${ROOT}.host.>`, `${ROOT}.operator.>`, "wasmbus.ctl.>"];
