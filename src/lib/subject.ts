// NATS subjects: tokens between dots. In a pattern, `*` stands for one token and a last `>` for one or more.

const TOKEN = /^[^\s.*>\p{Cc}]+$/u;
const MAX_BYTES = 512;

const isShort = (text: string): boolean => Buffer.byteLength(text) <= MAX_BYTES;

/** True for what a message may be published to: no wildcards, no empty tokens, no white space. */
export function isSubject(text: string): boolean {
  return isShort(text) && text.split(".").every((token) => TOKEN.test(token));
}

/** True for what may be subscribed to. */
export function isPattern(text: string): boolean {
  const tokens = text.split(".");
  return (
    isShort(text) &&
    tokens.every((token, i) => token === "*" || (token === ">" && i === tokens.length - 1) || TOKEN.test(token))
  );
}

/** Both must be valid. */
export function matchesSubject(pattern: string, subject: string): boolean {
  const wanted = pattern.split(".");
  const found = subject.split(".");
  for (const [i, token] of wanted.entries()) {
    if (token === ">") return found.length > i;
    if (i >= found.length || (token !== "*" && token !== found[i])) return false;
  }
  return wanted.length === found.length;
}
