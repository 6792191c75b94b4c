// NATS subjects: tokens between dots. In a filter, `*` stands for one token and a last `>` for one or more.

// No white space or control characters: both would end the subject in the wire protocol.
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const TOKEN = /^[^\s.*>\u0000-\u001f\u007f]+$/u;
const MAX_SUBJECT_BYTES = 512;

/** True for dot-separated tokens without wildcards. */
export function isSubject(text: string): boolean {
  return isShort(text) && text.split(".").every((token) => TOKEN.test(token));
}

/** True for a subject in which tokens may be `*` and the last one `>`. */
export function isSubjectFilter(text: string): boolean {
  const tokens = text.split(".");
  return (
    isShort(text) &&
    tokens.every((token, i) => TOKEN.test(token) || token === "*" || (token === ">" && i === tokens.length - 1))
  );
}

/** True when there is a subject that both filters match. */
export function overlaps(one: string, other: string): boolean {
  const [a, b] = [one.split("."), other.split(".")];
  for (const [i, token] of a.entries()) {
    const facing = b[i];
    if (facing === undefined) return false;
    if (token === ">" || facing === ">") return true;
    if (token !== facing && token !== "*" && facing !== "*") return false;
  }
  return a.length === b.length;
}

function isShort(text: string): boolean {
  return new TextEncoder().encode(text).length <= MAX_SUBJECT_BYTES;
}
