// The resource `fields`: headers and trailers.

import { err, ok, type WasiResult } from "../result.ts";
import { packFields, unpackFields } from "./packed-fields.ts";

/** Bounds of one set of fields, beyond which adding is refused. */
export const MAX_FIELDS = 256;
export const MAX_FIELDS_SIZE = 65_536;

export type HeaderError = { readonly tag: "invalid-syntax" | "forbidden" | "immutable" };

type Change = WasiResult<undefined, HeaderError>;

interface Entry {
  readonly name: string;
  /** In lower case: names differ in nothing else. */
  readonly key: string;
  readonly value: Uint8Array;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const TAB = 0x09;
const SPACE = 0x20;
const DELETE = 0x7f;

// It frames the message, so there is one at most, and it is a number.
const CONTENT_LENGTH = "content-length";
const LENGTH = /^\d{1,15}$/;

// They belong to the connection, which is not the component's.
const FORBIDDEN: ReadonlySet<string> = new Set([
  "connection",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

// They say how to read a message, or what is to become of it, and come too late for that at its end.
const NO_TRAILERS: ReadonlySet<string> = new Set([
  "authorization",
  "cache-control",
  "content-encoding",
  "content-length",
  "content-range",
  "content-type",
  "expect",
  "max-forwards",
  "set-cookie",
  "te",
  "trailer",
]);

const DONE: Change = ok(undefined);
const INVALID = err<HeaderError>({ tag: "invalid-syntax" });
const DENIED = err<HeaderError>({ tag: "forbidden" });
const IMMUTABLE = err<HeaderError>({ tag: "immutable" });

export class Fields {
  #entries: Entry[] = [];
  #size = 0;
  /** Not yet taken apart: most handlers never look at what came in. */
  #packed: string | undefined;
  #immutable = false;

  static fromList(list: readonly (readonly [string, Uint8Array])[]): WasiResult<Fields, HeaderError> {
    const fields = new Fields();
    for (const [name, value] of list) {
      const added = fields.append(name, value);
      if (added.tag === "err") return added;
    }
    return ok(fields);
  }

  /** Of what came over the network, as `packFields` makes it; fields of the connection are left out. Not to be changed. */
  static received(packed: string): Fields {
    const fields = new Fields();
    fields.#packed = packed;
    fields.#immutable = true;
    return fields;
  }

  get(name: string): Uint8Array[] {
    const key = name.toLowerCase();
    return this.#all().flatMap((one) => (one.key === key ? [one.value] : []));
  }

  has(name: string): boolean {
    const key = name.toLowerCase();
    return this.#all().some((one) => one.key === key);
  }

  set(name: string, values: readonly Uint8Array[]): Change {
    const fault = this.#refuse(name, values);
    if (fault !== undefined) return fault;
    const key = name.toLowerCase();
    const others = this.#entries.filter((one) => one.key !== key);
    const entries = [...others, ...values.map((value) => ({ name, key, value }))];
    const size = entries.reduce((sum, one) => sum + sizeOf(one), 0);
    if (entries.length > MAX_FIELDS || size > MAX_FIELDS_SIZE) return DENIED;
    this.#entries = entries;
    this.#size = size;
    return DONE;
  }

  delete(name: string): Change {
    const fault = this.#refuse(name, []);
    if (fault !== undefined) return fault;
    const key = name.toLowerCase();
    this.#entries = this.#entries.filter((one) => one.key !== key);
    this.#size = this.#entries.reduce((sum, one) => sum + sizeOf(one), 0);
    return DONE;
  }

  append(name: string, value: Uint8Array): Change {
    const fault = this.#refuse(name, [value]);
    if (fault !== undefined) return fault;
    const entry = { name, key: name.toLowerCase(), value };
    if (entry.key === CONTENT_LENGTH && this.has(CONTENT_LENGTH)) return INVALID;
    const size = this.#size + sizeOf(entry);
    if (this.#entries.length === MAX_FIELDS || size > MAX_FIELDS_SIZE) return DENIED;
    this.#entries.push(entry);
    this.#size = size;
    return DONE;
  }

  entries(): [string, Uint8Array][] {
    return this.#all().map(({ name, value }) => [name, value]);
  }

  clone(): Fields {
    const copy = new Fields();
    copy.#entries = [...this.#all()];
    copy.#size = copy.#entries.reduce((sum, one) => sum + sizeOf(one), 0);
    return copy;
  }

  /** The same fields, not to be changed through what is returned. What belongs to a message is frozen with it. */
  frozen(): Fields {
    this.#immutable = true;
    return this;
  }

  /** How long the body is, as far as the fields say. */
  get contentLength(): number | undefined {
    const value = this.#all().find(({ key }) => key === CONTENT_LENGTH)?.value;
    return value === undefined ? undefined : Number(latin1(value));
  }

  /** Whether all of them may follow a body. */
  get fitTrailers(): boolean {
    return !this.#all().some(({ key }) => NO_TRAILERS.has(key));
  }

  /** The form in which fields pass between threads: one text is much cheaper to send than many. */
  pack(): string {
    return packFields(this.#all().map(({ name, value }) => [name, latin1(value)]));
  }

  #all(): readonly Entry[] {
    if (this.#packed !== undefined) {
      this.#entries = unpackFields(this.#packed).flatMap(([name, value]) => {
        const key = name.toLowerCase();
        return FORBIDDEN.has(key) ? [] : [{ name, key, value: Uint8Array.from(Buffer.from(value, "latin1")) }];
      });
      this.#packed = undefined;
    }
    return this.#entries;
  }

  #refuse(name: string, values: readonly Uint8Array[]): Change | undefined {
    if (this.#immutable) return IMMUTABLE;
    if (!TOKEN.test(name) || !values.every(isFieldValue)) return INVALID;
    const key = name.toLowerCase();
    if (key === CONTENT_LENGTH && (values.length > 1 || !values.every((one) => LENGTH.test(latin1(one)))))
      return INVALID;
    return FORBIDDEN.has(key) ? DENIED : undefined;
  }
}

function sizeOf({ key, value }: Entry): number {
  return key.length + value.byteLength;
}

function isFieldValue(value: Uint8Array): boolean {
  for (const byte of value) if ((byte < SPACE && byte !== TAB) || byte === DELETE) return false;
  return true;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
