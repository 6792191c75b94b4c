// What a service tells systemd: lines of NAME=VALUE in one datagram, see sd_notify(3).

import { spawn } from "node:child_process";
import { millis, type Millis } from "../../domain/units.ts";
import { openDatagrams, type SendDatagram } from "../device-io.ts";
import type { Logger } from "../log.ts";
import { reasonOf } from "../reason.ts";

export type Notice =
  | { readonly kind: "ready" }
  | { readonly kind: "stopping" }
  /** For people: what the service is at. */
  | { readonly kind: "status"; readonly text: string }
  | { readonly kind: "alive" }
  /** Starting or stopping goes on, and may take so long from now on. */
  | { readonly kind: "extend"; readonly by: Millis };

export type Notify = (...notices: readonly Notice[]) => void;

/** The environment of a service. */
export type ServiceEnv = Readonly<Record<string, string | undefined>>;

const MAX_STATUS = 200;

const PLAIN = { ready: "READY=1", stopping: "STOPPING=1", alive: "WATCHDOG=1" } as const;

/** Line ends in a status would be further assignments. */
export function formatNotice(notice: Notice): string {
  if (notice.kind === "status") return `STATUS=${notice.text.replaceAll(/\p{Cc}+/gu, " ").slice(0, MAX_STATUS)}`;
  if (notice.kind === "extend") return `EXTEND_TIMEOUT_USEC=${Math.round(notice.by * 1000)}`;
  return PLAIN[notice.kind];
}

/** Time between two signs of life that the service manager wants; undefined when it wants none, or not of `pid`. */
export function watchdogPeriod(env: ServiceEnv, pid: number): Millis | undefined {
  const { WATCHDOG_USEC: period = "", WATCHDOG_PID: owner } = env;
  if (!/^[1-9]\d{0,15}$/.test(period)) return undefined;
  if (owner !== undefined && owner !== "" && owner !== String(pid)) return undefined;
  return millis(Number(period) / 1000);
}

/** Where the service manager listens; undefined when there is none, or none that can be reached this way. */
export function notifySocket(env: ServiceEnv): string | undefined {
  const { NOTIFY_SOCKET: socket } = env;
  const known = socket !== undefined && /^[/@]./.test(socket) && Buffer.byteLength(socket) < 108;
  return known ? socket : undefined;
}

export interface NotifierDeps {
  readonly socket: string;
  readonly log: Logger;
  /** Stands in for the add-on in tests. @throws PetioleError when there is none */
  readonly openSender?: (() => SendDatagram) | undefined;
}

/**
 * Tells the service manager behind `socket`. What it does not take is said in the log once, and changes nothing else. That
 * the service is ready goes with the next notice then, or with a call without any.
 */
export function createNotifier({ socket, log, openSender = openDatagrams }: NotifierDeps): Notify {
  let failing = false;
  let owed: readonly Notice[] = [];
  const send = senderFor(openSender, log);
  return (...notices) => {
    const due = [...owed, ...notices];
    if (due.length === 0) return;
    try {
      send(socket, Buffer.from(due.map(formatNotice).join("\n")));
      failing = false;
      owed = [];
    } catch (error) {
      owed = due.filter(({ kind }) => kind === "ready");
      if (!failing) log.warn("The service manager cannot be told", { socket, reason: reasonOf(error) });
      failing = true;
    }
  };
}

/** Without the add-on, systemd's own command: a process for each notice, and another one's, which the unit must allow. */
function senderFor(openSender: () => SendDatagram, log: Logger): SendDatagram {
  try {
    return openSender();
  } catch (error) {
    log.warn("The service manager is told by systemd-notify, which needs NotifyAccess=all", {
      reason: reasonOf(error),
    });
    return (socket, message) => {
      const child = spawn("systemd-notify", Buffer.from(message).toString().split("\n"), {
        env: { NOTIFY_SOCKET: socket, PATH: "/usr/bin:/bin" },
        stdio: "ignore",
      });
      child.on("error", (cause) => log.debug("systemd-notify cannot be run", { reason: reasonOf(cause) }));
      child.unref();
    };
  }
}
