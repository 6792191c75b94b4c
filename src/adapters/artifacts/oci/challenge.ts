/** What a registry wants to see, of its `WWW-Authenticate` header. Schemes are in lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const PARAMETER = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/y;
const SEPARATOR = /[\s,]+/y;

/** Several challenges may stand in one header (RFC 9110, 11.6.1). What cannot be read ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(header);
    if (found !== null) at = pattern.lastIndex;
    return found ?? undefined;
  };
  while (at < header.length) {
    match(SEPARATOR);
    const parameter = match(PARAMETER);
    const last = challenges.at(-1);
    if (parameter !== undefined && last !== undefined) {
      const [, name = "", quoted, plain = ""] = parameter;
      last.parameters[name.toLowerCase()] = quoted?.replaceAll(/\\(.)/g, "$1") ?? plain;
      continue;
    }
    const scheme = parameter === undefined ? match(TOKEN)?.[0] : undefined;
    if (scheme === undefined) break;
    challenges.push({ scheme: scheme.toLowerCase(), parameters: {} });
  }
  return challenges;
}
