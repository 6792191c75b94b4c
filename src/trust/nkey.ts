// Ed25519 keys in the text form of NATS and wasmCloud: base32 of prefix, key and CRC-16/XMODEM, without padding.

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const KEY_SIZE = 32;
const CRC_SIZE = 2;

/** First byte of a public key. A seed has that of its kind folded into two. */
const PREFIX = { account: 0, seed: 144 } as const;

/** The key of an account (`A…`); undefined when the text is none. */
export function decodeAccount(text: string): Buffer | undefined {
  const bytes = unseal(text, 1 + KEY_SIZE);
  return bytes?.[0] === PREFIX.account ? bytes.subarray(1) : undefined;
}

export function encodeAccount(publicKey: Uint8Array): string {
  return seal(Buffer.concat([Buffer.from([PREFIX.account]), publicKey]));
}

/** The seed of an account (`SA…`); undefined when the text is none. */
export function decodeAccountSeed(text: string): Buffer | undefined {
  const bytes = unseal(text, 2 + KEY_SIZE);
  return bytes?.[0] === PREFIX.seed && bytes[1] === PREFIX.account << 3 ? bytes.subarray(2) : undefined;
}

export function encodeAccountSeed(seed: Uint8Array): string {
  return seal(Buffer.concat([Buffer.from([PREFIX.seed | (PREFIX.account >> 5), (PREFIX.account & 31) << 3]), seed]));
}

function seal(content: Buffer): string {
  const crc = Buffer.alloc(CRC_SIZE);
  crc.writeUInt16LE(crc16(content));
  return encodeBase32(Buffer.concat([content, crc]));
}

function unseal(text: string, size: number): Buffer | undefined {
  const bytes = decodeBase32(text);
  if (bytes?.byteLength !== size + CRC_SIZE) return undefined;
  const content = bytes.subarray(0, size);
  return bytes.readUInt16LE(size) === crc16(content) ? content : undefined;
}

function encodeBase32(bytes: Uint8Array): string {
  let [text, value, bits] = ["", 0, 0];
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += ALPHABET[(value >> (bits - 5)) & 31] ?? "";
  }
  return bits === 0 ? text : text + (ALPHABET[(value << (5 - bits)) & 31] ?? "");
}

/** Undefined when it holds other characters, or bits that belong to no byte. */
function decodeBase32(text: string): Buffer | undefined {
  const bytes: number[] = [];
  let [value, bits] = [0, 0];
  for (const letter of text) {
    const digit = ALPHABET.indexOf(letter);
    if (digit < 0) return undefined;
    value = ((value << 5) | digit) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((value >> bits) & 0xff);
  }
  return bits < 5 && (value & ((1 << bits) - 1)) === 0 ? Buffer.from(bytes) : undefined;
}

/** CRC-16/XMODEM. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
    crc &= 0xffff;
  }
  return crc;
}
