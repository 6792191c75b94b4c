// Topics as NATS subjects: levels become tokens. What a token cannot hold is written as `%` and two hexadecimal digits,
// so that every topic has a subject of its own and comes back as it was.

import { isSubject } from "#provider";
import { isTopic } from "./topic.ts";

const NOT_IN_TOKENS = /[%.*>\s\p{Cc}]/gu;
const NOT_IN_LEVELS = /[/+#]/g;
/** A token is never empty. */
const EMPTY = "%";

const escape = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");

/** The subject of a valid topic. */
export function subjectOf(topic: string): string {
  return topic
    .split("/")
    .map((level) => (level === "" ? EMPTY : level.replace(NOT_IN_TOKENS, escape)))
    .join(".");
}

/** The topic of a subject; undefined when there is none. */
export function topicOf(subject: string): string | undefined {
  if (!isSubject(subject)) return undefined;
  const topic = subject
    .split(".")
    .map((token) => (token === EMPTY ? "" : unescape(token).replace(NOT_IN_LEVELS, escape)))
    .join("/");
  return isTopic(topic) ? topic : undefined;
}

function unescape(token: string): string {
  return token.replace(/(%[0-9A-Fa-f]{2})+/g, (found) => {
    const text = Buffer.from(found.replaceAll("%", ""), "hex").toString();
    // Not of our making.
    return text.includes("\uFFFD") ? found : text;
  });
}
