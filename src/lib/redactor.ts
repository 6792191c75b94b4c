// Keeps the values of secrets out of whatever is shown, logged or sent.

import { isErrorCode } from "../domain/errors.ts";
import type { SecretValue } from "../domain/secret.ts";
import { loggerOf, type LogFields, type Logger } from "./log.ts";

/** What is shown in place of a secret. */
export const HIDDEN = "***";

/** Hides every value that it was told of, also long after: a text may show an old one. */
export interface Redactor {
  add(value: SecretValue): void;
  text(text: string): string;
  /** The same value when nothing in it had to be hidden. Of classes, errors alone are looked into. */
  deep<T>(value: T): T;
}

/** A shorter one would make a riddle of every text, and is none for who wants to find it. */
const MIN_LENGTH = 4;
const MAX_NEEDLES = 4096;
const MAX_DEPTH = 16;

export function createRedactor(): Redactor {
  /** In the order in which they were learned. */
  const needles = new Set<string>();
  let pattern: RegExp | undefined;

  const text = (value: string): string => (pattern === undefined ? value : value.replace(pattern, HIDDEN));

  function deep(value: unknown, depth: number): unknown {
    if (typeof value === "string") return text(value);
    if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return value;
    if (Array.isArray(value)) {
      const items: readonly unknown[] = value;
      const next = items.map((item) => deep(item, depth + 1));
      return next.some((item, index) => item !== items[index]) ? next : value;
    }
    const isError = value instanceof Error;
    const prototype: unknown = Object.getPrototypeOf(value);
    if (!isError && prototype !== Object.prototype && prototype !== null) return value;
    // An error has its message and its stack where Object.entries() does not look.
    const keys = isError ? Object.getOwnPropertyNames(value) : Object.keys(value);
    const entries = keys.map((key) => [key, (value as Record<string, unknown>)[key]] as const);
    // A code says what becomes of an error, and what an error has is named by its class: none of it is anybody's secret.
    const next = entries.map(([key, inner]) => {
      const isKept = key === "code" && isErrorCode(inner);
      return [isError ? key : text(key), isKept ? inner : deep(inner, depth + 1)] as const;
    });
    if (next.every(([key, inner], index) => key === entries[index]?.[0] && inner === entries[index]?.[1])) return value;
    if (!isError) return Object.fromEntries(next);
    const copy: unknown = Object.create(prototype as object);
    for (const [key, inner] of next) {
      const enumerable = Object.prototype.propertyIsEnumerable.call(value, key);
      Object.defineProperty(copy, key, { value: inner, enumerable, configurable: true, writable: true });
    }
    return copy;
  }

  return {
    add(value) {
      const before = needles.size;
      for (const form of formsOf(value)) needles.add(form);
      if (needles.size === before) return;
      for (const oldest of needles) {
        if (needles.size <= MAX_NEEDLES) break;
        needles.delete(oldest);
      }
      // Longer ones first: one may be a part of another.
      const sorted = [...needles].sort((a, b) => b.length - a.length);
      pattern = sorted.length === 0 ? undefined : new RegExp(sorted.map(escape).join("|"), "g");
    },
    text,
    deep: <T>(value: T): T => (pattern === undefined ? value : (deep(value, 0) as T)),
  };
}

/** The ways in which a value may stand in a text. */
function formsOf(value: SecretValue): string[] {
  const bytes = typeof value === "string" ? Buffer.from(value) : Buffer.from(value);
  const texts =
    typeof value === "string" ? [value, value.trim(), JSON.stringify(value).slice(1, -1), inUrl(value)] : [];
  return [...texts, bytes.toString("base64"), bytes.toString("base64url"), bytes.toString("hex")].filter(
    (form) => form.length >= MIN_LENGTH && bytes.byteLength >= MIN_LENGTH,
  );
}

/** As it stands in a URL; a lone surrogate cannot. */
const inUrl = (value: string): string => encodeURIComponent(value.toWellFormed());

const escape = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

/** A log that shows no secret. */
export function redactingLogger(log: Logger, redactor: Redactor): Logger {
  const hidden = (fields: LogFields | undefined): LogFields | undefined =>
    fields === undefined ? undefined : redactor.deep(fields);
  return loggerOf(
    (level) => (message, fields) => log[level](redactor.text(message), hidden(fields)),
    (fields) => redactingLogger(log.child(redactor.deep(fields)), redactor),
  );
}
