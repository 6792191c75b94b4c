// The canonical definitions of a component: what passes between its functions and those of core modules.

import { MalformedBinary, type ByteReader } from "./byte-reader.ts";
import type { CanonicalDefinition, CanonicalOptions } from "./definitions.ts";
import { readValueType } from "./read-types.ts";

/** What follows an opcode: a number, a single byte, options, or a list of results. */
type Immediate = "number" | "byte" | "options" | "results";

// Built-ins that came with asynchronous components and threads, known so that they can be read over.
const BUILT_INS: Readonly<Record<number, readonly [what: string, ...Immediate[]]>> = {
  0x05: ["task.cancel"],
  0x06: ["subtask.cancel", "byte"],
  0x07: ["asynchronous resource.drop", "number"],
  0x08: ["backpressure.set"],
  0x09: ["task.return", "results", "options"],
  0x0a: ["context.get", "byte", "number"],
  0x0b: ["context.set", "byte", "number"],
  0x0c: ["thread.yield", "byte"],
  0x0d: ["subtask.drop"],
  0x0e: ["stream.new", "number"],
  0x0f: ["stream.read", "number", "options"],
  0x10: ["stream.write", "number", "options"],
  0x11: ["stream.cancel-read", "number", "byte"],
  0x12: ["stream.cancel-write", "number", "byte"],
  0x13: ["stream.drop-readable", "number"],
  0x14: ["stream.drop-writable", "number"],
  0x15: ["future.new", "number"],
  0x16: ["future.read", "number", "options"],
  0x17: ["future.write", "number", "options"],
  0x18: ["future.cancel-read", "number", "byte"],
  0x19: ["future.cancel-write", "number", "byte"],
  0x1a: ["future.drop-readable", "number"],
  0x1b: ["future.drop-writable", "number"],
  0x1c: ["error-context.new", "options"],
  0x1d: ["error-context.debug-message", "options"],
  0x1e: ["error-context.drop"],
  0x1f: ["waitable-set.new"],
  0x20: ["waitable-set.wait", "byte", "number"],
  0x21: ["waitable-set.poll", "byte", "number"],
  0x22: ["waitable-set.drop"],
  0x23: ["waitable.join"],
  0x24: ["backpressure.inc"],
  0x25: ["backpressure.dec"],
  0x26: ["thread.index"],
  0x27: ["thread.new-indirect", "number", "number"],
  0x28: ["thread.resume-later"],
  0x29: ["thread.suspend", "byte"],
  0x2a: ["thread.suspend-then-resume", "byte"],
  0x2b: ["thread.yield-then-resume", "byte"],
  0x2c: ["thread.suspend-then-promote", "byte"],
  0x2d: ["thread.yield-then-promote", "byte"],
  0x2e: ["stream.forward", "number"],
  0x2f: ["future.forward", "number"],
};

/** The definitions of one section. Ends early at one of unknown layout. */
export function readCanonicals(section: ByteReader): CanonicalDefinition[] {
  const count = section.count();
  const read: CanonicalDefinition[] = [];
  while (read.length < count) {
    const canonical = readCanonical(section);
    read.push(canonical);
    if (canonical.kind === "unknown") return read;
  }
  if (!section.done) throw new MalformedBinary(`has a section with more than it says, at byte ${section.offset}`);
  return read;
}

function readCanonical(reader: ByteReader): CanonicalDefinition {
  const at = reader.offset;
  const opcode = reader.byte();
  switch (opcode) {
    case 0x00:
    case 0x01: {
      if (reader.byte() !== 0x00) throw new MalformedBinary(`lifts or lowers what is no function, at byte ${at}`);
      const index = reader.u32();
      const options = readOptions(reader);
      if (opcode === 0x00) return { kind: "lift", core: index, options, type: reader.u32() };
      if (options.postReturn === undefined) return { kind: "lower", func: index, options };
      throw new MalformedBinary(`lowers a function with a post-return, at byte ${at}`);
    }
    case 0x02:
      return { kind: "resource-new", type: reader.u32() };
    case 0x03:
      return { kind: "resource-drop", type: reader.u32() };
    case 0x04:
      return { kind: "resource-rep", type: reader.u32() };
    default: {
      const builtIn = BUILT_INS[opcode];
      if (builtIn === undefined) return { kind: "unknown", what: `a canonical definition 0x${opcode.toString(16)}` };
      const [what, ...immediates] = builtIn;
      for (const immediate of immediates) skipImmediate(reader, immediate);
      return { kind: "built-in", what };
    }
  }
}

function skipImmediate(reader: ByteReader, immediate: Immediate): void {
  switch (immediate) {
    case "number":
      reader.u32();
      break;
    case "byte":
      reader.byte();
      break;
    case "options":
      readOptions(reader);
      break;
    case "results":
      if (reader.optional(() => reader.count()) === undefined) readValueType(reader);
      break;
  }
}

const ENCODINGS = ["utf8", "utf16", "latin1+utf16"] as const;

function readOptions(reader: ByteReader): CanonicalOptions {
  const numbers = new Map<number, number | undefined>();
  let unsupported: string | undefined;
  reader.list(() => {
    const at = reader.offset;
    const option = reader.byte();
    // One encoding at most; each of the others once.
    const slot = Math.max(option, 2);
    if (numbers.has(slot)) throw new MalformedBinary(`has a canonical option twice, at byte ${at}`);
    switch (option) {
      case 0x00:
      case 0x01:
      case 0x02:
        numbers.set(slot, option);
        break;
      case 0x03:
      case 0x04:
      case 0x05:
        numbers.set(slot, reader.u32());
        break;
      case 0x06:
        numbers.set(slot, undefined);
        unsupported = "the asynchronous canonical ABI";
        break;
      case 0x07:
        numbers.set(slot, reader.u32());
        unsupported = "the asynchronous canonical ABI";
        break;
      case 0x08:
        numbers.set(slot, reader.u32());
        unsupported = "the canonical ABI for garbage collected values";
        break;
      case 0x09:
        numbers.set(slot, undefined);
        unsupported = "the canonical ABI for garbage collected values";
        break;
      default:
        throw new MalformedBinary(`has an unknown canonical option ${option} at byte ${at}`);
    }
  });
  const encoding = ENCODINGS[numbers.get(2) ?? 0] ?? "utf8";
  return { encoding, memory: numbers.get(3), realloc: numbers.get(4), postReturn: numbers.get(5), unsupported };
}
