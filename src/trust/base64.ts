// Base64 that is what it should be: Node skips what it does not know, so that one signature would have many spellings.

const CLASSIC = /^[A-Za-z0-9+/]*={0,2}$/;
const URL_SAFE = /^[A-Za-z0-9_-]*={0,2}$/;

/** Standard or URL-safe; undefined when it is neither, or not the shortest spelling of its bytes. */
export function decodeBase64(text: string): Buffer | undefined {
  const encoding = CLASSIC.test(text) ? "base64" : URL_SAFE.test(text) ? "base64url" : undefined;
  if (encoding === undefined) return undefined;
  const bytes = Buffer.from(text, encoding);
  const bare = text.replace(/=+$/, "");
  const padded = text.length !== bare.length;
  if (padded && text.length % 4 !== 0) return undefined;
  return bytes.toString(encoding).replace(/=+$/, "") === bare ? bytes : undefined;
}

/** URL-safe and without padding, as tokens have it. */
export function decodeBase64Url(text: string): Buffer | undefined {
  return /^[A-Za-z0-9_-]*$/.test(text) ? decodeBase64(text) : undefined;
}
