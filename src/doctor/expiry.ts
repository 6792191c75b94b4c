// What the link to the hub shows, and until when the hub takes it.

import { X509Certificate } from "node:crypto";
import type { Config } from "../config/schema.ts";
import { validityIn } from "../enrolment/credentials.ts";
import type { Finding } from "./finding.ts";
import type { Machine } from "./machine.ts";

const DAY = 86_400_000;
const SOON = 14 * DAY;

/** Something that ends at a time, for the forecast. */
export interface Expiry {
  /** For people, such as `the credentials of the hub`. */
  readonly what: string;
  /** Unix milliseconds. */
  readonly at: number;
}

export interface Papers {
  readonly findings: readonly Finding[];
  readonly expiries: readonly Expiry[];
}

/** `now`: Unix milliseconds, as the device knows them; undefined when its clock is not set, and no time is judged. */
export function examinePapers(
  machine: Machine,
  hub: Config["hub"],
  credentials: string | undefined,
  now: number | undefined,
): Papers {
  const findings: Finding[] = [];
  const expiries: Expiry[] = [];
  const add = (check: string, what: string, path: string, read: (text: string) => Validity): void => {
    const text = machine.read(path);
    if (text === undefined && machine.isHidden(path)) {
      findings.push({
        check,
        level: "unknown",
        message: `${what} (${path}) may not be read by this user`,
        remedy: "run it as root",
      });
      return;
    }
    if (text === undefined) {
      findings.push({
        check,
        level: "fault",
        message: `${what} (${path}) cannot be read`,
        remedy: check === "credentials" && hub?.enrolled === true ? "petiole enrol --token-file FILE" : "put it there",
      });
      return;
    }
    let validity: Validity;
    try {
      validity = read(text);
    } catch {
      findings.push({ check, level: "fault", message: `${what} (${path}) cannot be understood` });
      return;
    }
    findings.push(judge(check, what, validity, now));
    if (validity.to !== undefined) expiries.push({ what, at: validity.to });
  };
  const tls = hub?.tls;
  if (tls?.ca_file !== undefined) add("certificates", "the authority of the hub", tls.ca_file, certificate);
  if (tls?.cert_file !== undefined) add("certificates", "the certificate of the device", tls.cert_file, certificate);
  if (credentials !== undefined) add("credentials", "the credentials of the device", credentials, credentialsOf);
  return { findings, expiries };
}

/** Unix milliseconds. */
interface Validity {
  readonly from: number | undefined;
  readonly to: number | undefined;
}

function certificate(pem: string): Validity {
  const { validFromDate, validToDate } = new X509Certificate(pem);
  return { from: validFromDate.getTime(), to: validToDate.getTime() };
}

/** Of a credentials file of NATS. */
function credentialsOf(text: string): Validity {
  const found = validityIn(text);
  if (found === undefined) throw new Error("no credentials");
  return { from: undefined, to: found.expires };
}

function judge(check: string, what: string, { from, to }: Validity, now: number | undefined): Finding {
  if (to === undefined) return { check, level: "ok", message: `${what}: without an end` };
  const until = new Date(to).toISOString().slice(0, 16).replace("T", " ");
  if (now === undefined)
    return { check, level: "unknown", message: `${what}: until ${until} UTC; the clock is not set` };
  if (from !== undefined && from > now) {
    return { check, level: "fault", message: `${what}: not valid yet, from ${new Date(from).toISOString()}` };
  }
  const left = to - now;
  if (left <= 0) return { check, level: "fault", message: `${what}: expired on ${until} UTC`, remedy: "get new ones" };
  const message = `${what}: ${Math.floor(left / DAY)} d left, until ${until} UTC`;
  return left < SOON ? { check, level: "warning", message, remedy: "renew them" } : { check, level: "ok", message };
}
