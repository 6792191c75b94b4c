// UTF-8 for guests: QuickJS has neither TextEncoder nor TextDecoder.

const REPLACEMENT = 0xfffd;

/** Encodes as `TextEncoder` does: a surrogate without its partner becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const found = character.codePointAt(0) ?? REPLACEMENT;
    const point = isSurrogate(found) ? REPLACEMENT : found;
    if (point < 0x80) bytes.push(point);
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), tail(point));
    else if (point < 0x10000) bytes.push(0xe0 | (point >> 12), tail(point >> 6), tail(point));
    else bytes.push(0xf0 | (point >> 18), tail(point >> 12), tail(point >> 6), tail(point));
  }
  return Uint8Array.from(bytes);
}

/** Undefined when the bytes are not well-formed UTF-8: cut off, overlong, a surrogate, or above U+10FFFF. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  let text = "";
  let at = 0;
  while (at < bytes.length) {
    const lead = bytes[at++] ?? 0;
    const form = formOf(lead);
    if (form === undefined || at + form.tails > bytes.length) return undefined;
    let point = form.bits;
    for (const end = at + form.tails; at < end; at++) {
      const next = bytes[at] ?? 0;
      if ((next & 0xc0) !== 0x80) return undefined;
      point = (point << 6) | (next & 0x3f);
    }
    if (point < form.least || point > 0x10ffff || isSurrogate(point)) return undefined;
    text += String.fromCodePoint(point);
  }
  return text;
}

/** What a lead byte says: its own bits of the code point, how many bytes follow, and the least value they may spell. */
function formOf(lead: number): { readonly bits: number; readonly tails: number; readonly least: number } | undefined {
  if (lead < 0x80) return { bits: lead, tails: 0, least: 0 };
  if (lead >> 5 === 0b110) return { bits: lead & 0x1f, tails: 1, least: 0x80 };
  if (lead >> 4 === 0b1110) return { bits: lead & 0x0f, tails: 2, least: 0x800 };
  if (lead >> 3 === 0b11110) return { bits: lead & 0x07, tails: 3, least: 0x10000 };
  return undefined;
}

const tail = (bits: number): number => 0x80 | (bits & 0x3f);
const isSurrogate = (point: number): boolean => point >= 0xd800 && point <= 0xdfff;
