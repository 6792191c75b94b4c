// Entries in the native protocol of systemd's journal: fields of one datagram, see "Native Journal Protocol" in systemd's
// documentation.

import type { LogFields, LogLevel } from "../log.ts";

/** As in syslog(3). */
const PRIORITIES: Readonly<Record<LogLevel, number>> = { trace: 7, debug: 7, info: 6, warn: 4, error: 3 };

const MAX_FIELDS = 48;
/** Characters; of a datagram, the kernel takes some 200 KB. */
const MAX_MESSAGE = 8192;
const MAX_VALUE = 2048;
/** Of a field's name, that the journal takes. */
const MAX_NAME = 64;
const IDENTIFIER = "petiole";

/** Fields under these names are ours, and people find them by `journalctl PETIOLE_COMPONENT=…`. */
const PREFIX = "PETIOLE_";

/** What one line of the log is in the journal: the message with its fields for people, and each field for programs. */
export function journalEntry(level: LogLevel, message: string, fields: LogFields): Buffer {
  const flat = Object.entries(fields)
    .flatMap(flatten)
    .filter(([, value]) => value !== "")
    .slice(0, MAX_FIELDS);
  const shown = flat.filter(([name]) => name !== "stack").map(([name, value]) => ` ${name}=${quoted(value)}`);
  return Buffer.concat([
    ...smallEntry(level, `${message}${shown.join("")}`),
    ...flat.map(([name, value]) => encodeField(fieldName(name), cut(value, MAX_VALUE))),
  ]);
}

/** The message alone, for a journal that takes no larger one. */
export function shortJournalEntry(level: LogLevel, message: string): Buffer {
  return Buffer.concat(smallEntry(level, cut(message, MAX_VALUE)));
}

const smallEntry = (level: LogLevel, message: string): Buffer[] => [
  encodeField("PRIORITY", String(PRIORITIES[level])),
  encodeField("SYSLOG_IDENTIFIER", IDENTIFIER),
  encodeField("MESSAGE", cut(message, MAX_MESSAGE)),
];

/** A value with a line end stands behind its length, so that nothing in it can pass for a field. */
export function encodeField(name: string, value: string): Buffer {
  if (!value.includes("\n")) return Buffer.from(`${name}=${value}\n`);
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.byteLength));
  return Buffer.concat([Buffer.from(`${name}\n`), length, bytes, Buffer.from("\n")]);
}

/** `retryIn` is PETIOLE_RETRY_IN; a name of one letter case has no other form. */
export function fieldName(name: string): string {
  const snake = name.replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase();
  return `${PREFIX}${snake.replaceAll(/[^A-Z0-9_]/g, "_")}`.slice(0, MAX_NAME);
}

/** Of an error, what it says and where it comes from; of other objects, their JSON. */
function flatten([name, value]: [string, unknown]): [string, string][] {
  if (value === undefined || value === null) return [];
  if (value instanceof Error) {
    return [
      [name, causes(value)],
      ["stack", value.stack ?? ""],
    ];
  }
  return [[name, textOf(value)]];
}

function causes(error: Error): string {
  const messages: string[] = [];
  for (let one: unknown = error; one instanceof Error && messages.length < 4; one = one.cause) {
    messages.push(one.message);
  }
  return messages.join(": ");
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return String(value);
  try {
    // Functions have none.
    const text: string | undefined = JSON.stringify(value, (_key, inner: unknown) =>
      typeof inner === "bigint" ? String(inner) : inner,
    );
    return text ?? "";
  } catch {
    return "(cannot be shown)";
  }
}

/** As it stands in the message: quoted where it would not be one word. */
const quoted = (value: string): string => (/^[^\s"=\p{Cc}]+$/u.test(value) ? value : JSON.stringify(value));

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most).toWellFormed()}… (${text.length - most} more)`;
}
