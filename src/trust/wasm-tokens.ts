// Claims of wasmCloud's tools inside a component or module, and what they are the hash of: the binary without the
// sections that hold claims, at every depth, section lengths in their shortest spelling, everything else as it stands.

const MODULE = Buffer.from("0061736d01000000", "hex");
const COMPONENT = Buffer.from("0061736d0d000100", "hex");
const HEADER_SIZE = 8;
const CUSTOM = 0;
/** Sections of a component that hold a binary of their own. */
const CORE_MODULE = 1;
const NESTED_COMPONENT = 4;

const TOKEN_SECTIONS: ReadonlySet<string> = new Set(["wasmcloud_jwt", "jwt"]);
const MAX_DEPTH = 100;
/** Some hundreds are usual. Nobody has vouched for the bytes yet, and each section takes memory here. */
const MAX_SECTIONS = 50_000;
const MAX_TOKENS = 4;
const MAX_TOKEN_SIZE = 64 * 1024;

export interface WasmTokens {
  /** Tokens at the top level, as text. */
  readonly tokens: readonly string[];
  /** The binary without them. */
  readonly stripped: readonly Uint8Array[];
}

/** Undefined when the bytes are no binary of WebAssembly, which other code has more to say about. */
export function findTokens(bytes: Uint8Array): WasmTokens | undefined {
  const tokens: string[] = [];
  const stripped = strip(bytes, 0, {
    sections: MAX_SECTIONS,
    onToken: (token) => {
      if (tokens.length < MAX_TOKENS && token.byteLength <= MAX_TOKEN_SIZE) tokens.push(Buffer.from(token).toString());
    },
  });
  return stripped === undefined ? undefined : { tokens, stripped };
}

interface Walk {
  /** That may still come. */
  sections: number;
  readonly onToken: (token: Uint8Array) => void;
}

function strip(bytes: Uint8Array, depth: number, walk: Walk): readonly Uint8Array[] | undefined {
  const header = bytes.subarray(0, HEADER_SIZE);
  const isComponent = COMPONENT.equals(header);
  if (depth > MAX_DEPTH || (!isComponent && !MODULE.equals(header))) return undefined;
  const pieces: Uint8Array[] = [header];
  let at = HEADER_SIZE;
  while (at < bytes.byteLength) {
    if (--walk.sections < 0) return undefined;
    const id = bytes[at] ?? 0;
    const length = readLength(bytes, at + 1);
    if (length === undefined || length.end + length.value > bytes.byteLength) return undefined;
    const content = bytes.subarray(length.end, length.end + length.value);
    at = length.end + length.value;
    if (id === CUSTOM) {
      const name = readName(content);
      if (name === undefined) return undefined;
      if (TOKEN_SECTIONS.has(name.text)) {
        if (depth === 0) walk.onToken(content.subarray(name.end));
        continue;
      }
    }
    const nests = isComponent && (id === CORE_MODULE || id === NESTED_COMPONENT);
    const inner = nests ? strip(content, depth + 1, walk) : [content];
    if (inner === undefined) return undefined;
    const size = inner.reduce((sum, piece) => sum + piece.byteLength, 0);
    // One by one: what is nested may be more than a call takes as arguments.
    pieces.push(Uint8Array.of(id, ...encodeLength(size)));
    for (const piece of inner) pieces.push(piece);
  }
  return pieces;
}

interface Read<T> {
  readonly value: T;
  /** Where it ends. */
  readonly end: number;
}

/** LEB128 of at most 32 bits. */
function readLength(bytes: Uint8Array, start: number): Read<number> | undefined {
  let value = 0;
  for (let at = 0; at < 5; at++) {
    const byte = bytes[start + at];
    if (byte === undefined || (at === 4 && byte > 0x0f)) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return { value, end: start + at + 1 };
  }
  return undefined;
}

function readName(content: Uint8Array): { readonly text: string; readonly end: number } | undefined {
  const length = readLength(content, 0);
  if (length === undefined || length.end + length.value > content.byteLength) return undefined;
  const end = length.end + length.value;
  // Longer names are not looked for.
  return { text: length.value > 64 ? "" : Buffer.from(content.subarray(length.end, end)).toString(), end };
}

function encodeLength(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}
