import { BackendError, type Reason } from "../backend.ts";
import type { Refusal } from "./resp.ts";

const REASONS: Readonly<Record<string, Reason>> = {
  NOAUTH: "denied",
  WRONGPASS: "denied",
  NOPERM: "denied",
  OOM: "full",
  // It starts, runs a script of somebody else's, is a replica, or cannot write to its disk.
  LOADING: "unavailable",
  BUSY: "unavailable",
  READONLY: "unavailable",
  MASTERDOWN: "unavailable",
  CLUSTERDOWN: "unavailable",
  TRYAGAIN: "unavailable",
  MISCONF: "unavailable",
  NOREPLICAS: "unavailable",
};

const MEANINGS: Readonly<Record<string, string>> = {
  WRONGTYPE: "the key has something else than a value, from another program",
  TOOLARGE: "the value is larger than what is taken from the server",
  MOVED: "the server is part of a cluster, which this provider does not speak with",
};

/** The server's text goes to people: it is cut, and lines stay one. */
const MAX_TEXT = 200;

export function refusedBy(refusal: Refusal): BackendError {
  const reason = Object.hasOwn(REASONS, refusal.code) ? REASONS[refusal.code] : undefined;
  const meaning = Object.hasOwn(MEANINGS, refusal.code) ? MEANINGS[refusal.code] : undefined;
  const text = refusal.message.replaceAll(/[^\x20-\x7e]/g, " ").slice(0, MAX_TEXT);
  return new BackendError(reason ?? "refused", meaning ?? `the server says ${text}`, { cause: refusal });
}
