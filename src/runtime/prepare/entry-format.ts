// The form of a cache entry, sealed by a device or signed by whoever made it for devices:
//
//   magic, version, length of the header   16 bytes
//   header                                 JSON
//   parts                                  where the header says, at multiples of 8 bytes
//   seal or signature of all before it     64 bytes
//
// Nothing of it is looked at before the seal or the signature was verified.

import type { GuestGlue } from "../worker/protocol.ts";
import type { Engine } from "./engine-key.ts";
import type { ModuleLimits } from "../limit-module.ts";

/** A component made ready to run: everything of it, or all but the machine code. */
export interface EntryContent {
  readonly component: string;
  readonly engine: Engine;
  readonly limits: ModuleLimits;
  /** Calls that were served before the machine code was taken; V8 has optimised by then what is called often. */
  readonly warmUpCalls: number;
  /** What the component imports and exports, as v8.serialize() writes it. */
  readonly inspection: Uint8Array;
  readonly glue: GuestGlue;
  /** Core modules by the name that the glue asks for, with their limits in them. */
  readonly modules: ReadonlyMap<string, CachedModule>;
}

export interface CachedModule {
  readonly wireBytes: Uint8Array<ArrayBuffer>;
  readonly machineCode?: Uint8Array | undefined;
}

/** What stands at the end of an entry. */
export const TRAILER_SIZE = 64;

const MAGIC = Buffer.from("petiole\0");
const FORMAT = 2;
const PREFIX_SIZE = 16;
const ALIGNMENT = 8;

type PartKind = "inspection" | "glue" | "code-cache" | "module" | "machine-code";

export interface EntryPart {
  readonly kind: PartKind;
  readonly name: string;
  /** From the end of the header. */
  readonly offset: number;
  readonly size: number;
}

export interface EntryHeader extends Pick<EntryContent, "component" | "engine" | "limits" | "warmUpCalls"> {
  readonly glue: GuestGlue["kind"];
  readonly parts: readonly EntryPart[];
}

/** What cannot be an entry. */
export class MalformedEntry extends Error {
  override readonly name = "MalformedEntry";
}

/** The entry without its trailer, in pieces to be written one after another. */
export function encodeEntry(content: EntryContent): readonly Uint8Array[] {
  const { component, engine, limits, warmUpCalls, inspection, glue, modules } = content;
  const contents: { readonly kind: PartKind; readonly name: string; readonly bytes: Uint8Array }[] = [
    { kind: "inspection", name: "", bytes: inspection },
    { kind: "glue", name: "", bytes: Buffer.from(glue.script) },
  ];
  if (glue.codeCache !== undefined) contents.push({ kind: "code-cache", name: "", bytes: glue.codeCache });
  for (const [name, { wireBytes, machineCode }] of modules) {
    contents.push({ kind: "module", name, bytes: wireBytes });
    if (machineCode !== undefined) contents.push({ kind: "machine-code", name, bytes: machineCode });
  }
  // Offsets count from the end of the header, whose length depends on them.
  let offset = 0;
  const parts = contents.map(({ kind, name, bytes }): EntryPart => {
    const part = { kind, name, offset, size: bytes.byteLength };
    offset += bytes.byteLength + padding(bytes.byteLength);
    return part;
  });
  const header: EntryHeader = { component, engine, limits, warmUpCalls, glue: glue.kind, parts };
  const text = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(PREFIX_SIZE);
  MAGIC.copy(prefix);
  prefix.writeUInt32LE(FORMAT, MAGIC.byteLength);
  prefix.writeUInt32LE(text.byteLength, MAGIC.byteLength + 4);
  return [prefix, text, pad(text), ...contents.flatMap(({ bytes }) => [bytes, pad(bytes)])];
}

/**
 * What `encodeEntry` was given. `bytes` is the entry without its trailer; the parts are views of it, except for the code
 * cache.
 * @throws MalformedEntry
 */
export function decodeEntry(bytes: Uint8Array<ArrayBuffer>): EntryContent {
  const { header, body } = readHeader(bytes);
  const part = ({ offset, size, name }: EntryPart): Uint8Array<ArrayBuffer> => {
    if (!(offset >= 0 && size >= 0 && offset + size <= body.byteLength))
      throw new MalformedEntry(`part "${name}" lies outside it`);
    return body.subarray(offset, offset + size);
  };
  const ofKind = (kind: PartKind): readonly EntryPart[] => header.parts.filter((one) => one.kind === kind);
  const [inspection] = ofKind("inspection");
  const [glue] = ofKind("glue");
  if (inspection === undefined || glue === undefined) throw new MalformedEntry("it lacks a part");
  const [codeCache] = ofKind("code-cache");
  const machineCode = new Map(ofKind("machine-code").map((one) => [one.name, one]));
  const modules = ofKind("module").map((one): [string, CachedModule] => {
    const code = machineCode.get(one.name);
    return [one.name, { wireBytes: part(one), machineCode: code === undefined ? undefined : part(code) }];
  });
  const { component, engine, limits, warmUpCalls } = header;
  return {
    component,
    engine,
    limits,
    warmUpCalls,
    inspection: part(inspection),
    glue: {
      kind: header.glue,
      script: Buffer.from(part(glue)).toString("utf8"),
      // Of its own: it goes to the worker, and a view would take the whole file along.
      codeCache: codeCache === undefined ? undefined : part(codeCache).slice(),
    },
    modules: new Map(modules),
  };
}

/** @throws MalformedEntry */
export function decodeHeader(bytes: Uint8Array<ArrayBuffer>): EntryHeader {
  return readHeader(bytes).header;
}

function readHeader(bytes: Uint8Array<ArrayBuffer>): {
  readonly header: EntryHeader;
  readonly body: Uint8Array<ArrayBuffer>;
} {
  const end = bytes.byteLength;
  const prefix = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (end < PREFIX_SIZE || !prefix.subarray(0, MAGIC.byteLength).equals(MAGIC)) {
    throw new MalformedEntry("it is no entry of the component cache");
  }
  const format = prefix.readUInt32LE(MAGIC.byteLength);
  if (format !== FORMAT) throw new MalformedEntry(`it has format ${format}, want ${FORMAT}`);
  const length = prefix.readUInt32LE(MAGIC.byteLength + 4);
  const start = PREFIX_SIZE + length + padding(length);
  if (start > end) throw new MalformedEntry("its header is longer than the whole");
  return {
    header: parseHeader(prefix.toString("utf8", PREFIX_SIZE, PREFIX_SIZE + length)),
    body: bytes.subarray(start, end),
  };
}

function parseHeader(text: string): EntryHeader {
  let header: EntryHeader;
  try {
    header = JSON.parse(text) as EntryHeader; // Verified to be from encodeEntry() before anybody looks at it.
  } catch (cause) {
    throw new MalformedEntry("its header cannot be read", { cause });
  }
  if (!Array.isArray(header?.parts)) throw new MalformedEntry("its header names no parts");
  return header;
}

const padding = (length: number): number => (ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT;
const pad = (bytes: Uint8Array): Uint8Array => new Uint8Array(padding(bytes.byteLength));
