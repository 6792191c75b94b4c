// Topic names and filters of MQTT: levels between slashes; `+` stands for one level, a last `#` for any number.

import { createHash } from "node:crypto";

const MAX_BYTES = 65_535;

const fits = (text: string): boolean =>
  text !== "" && !text.includes("\u0000") && text.isWellFormed() && Buffer.byteLength(text) <= MAX_BYTES;

/** True for what a message may be published to. */
export function isTopic(text: string): boolean {
  return fits(text) && !/[+#]/.test(text);
}

/** True for what may be subscribed to. [MQTT-4.7.1-2] [MQTT-4.7.1-3] */
export function isFilter(text: string): boolean {
  const levels = filterOf(text).split("/");
  return (
    fits(text) &&
    (isShared(text) || !text.startsWith("$share/")) &&
    levels.every((level, i) => (level === "#" ? i === levels.length - 1 : level === "+" || !/[+#]/.test(level)))
  );
}

const SHARED = /^\$share\/([^/+#]+)\/(.+)$/su;

/** True for a subscription that several clients share, each message going to one: `$share/group/filter`. */
export const isShared = (filter: string): boolean => SHARED.test(filter);

/** What topics have to match. */
export const filterOf = (subscription: string): string => SHARED.exec(subscription)?.[2] ?? subscription;

/** Both must be valid. */
export function matchesTopic(subscription: string, topic: string): boolean {
  const wanted = filterOf(subscription).split("/");
  const found = topic.split("/");
  // [MQTT-4.7.2-1]
  if (topic.startsWith("$") && (wanted[0] === "+" || wanted[0] === "#")) return false;
  for (const [i, level] of wanted.entries()) {
    // `#` also stands for no level at all: `a/#` matches `a`.
    if (level === "#") return true;
    if (i >= found.length || (level !== "+" && level !== found[i])) return false;
  }
  return wanted.length === found.length;
}

/** True when every topic that `filter` matches is matched by `wider`, too. Both must be valid. */
export function covers(wider: string, filter: string): boolean {
  const outer = wider.split("/");
  const inner = filterOf(filter).split("/");
  if (filterOf(filter).startsWith("$") && (outer[0] === "+" || outer[0] === "#")) return false;
  for (const [i, level] of outer.entries()) {
    if (level === "#") return true;
    const found = inner[i];
    if (found === undefined || found === "#" || (level !== "+" && level !== found)) return false;
  }
  return outer.length === inner.length;
}

/**
 * Names a subscription on MQTT 5, from 1 to 268,435,455. Made of the filter alone: the broker still uses the identifiers
 * of an earlier run for what it kept meanwhile. Two filters with one identifier only cost a second delivery.
 */
export function subscriptionIdentifier(filter: string): number {
  return createHash("sha256").update(filter).digest().readUInt32BE() & 0x0fff_ffff || 1;
}
