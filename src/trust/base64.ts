// Base64 that is what it should be: Node skips what it does not know, so that one signature would have many spellings.

const PADDED = /^(?:[A-Za-z0-9+/]*|[A-Za-z0-9_-]*)={0,2}$/;
const URL_SAFE = /^[A-Za-z0-9_-]*$/;

/** Standard or URL-safe, with its padding; undefined when it is not, or not the only spelling of its bytes. */
export function decodeBase64(text: string): Buffer | undefined {
  return text.length % 4 === 0 && PADDED.test(text) ? decode(text.replace(/={1,2}$/, "")) : undefined;
}

/** URL-safe and without padding, as tokens have it. */
export function decodeBase64Url(text: string): Buffer | undefined {
  return URL_SAFE.test(text) ? decode(text) : undefined;
}

/** Bits that belong to no byte must be zero. */
function decode(bare: string): Buffer | undefined {
  const bytes = Buffer.from(bare, "base64url");
  return bytes.toString("base64url") === bare.replaceAll("+", "-").replaceAll("/", "_") ? bytes : undefined;
}
