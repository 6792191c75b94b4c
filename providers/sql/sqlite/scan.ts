// Reads SQL as far as it has to be known before SQLite sees it: where a statement ends, what it begins with, and its
// placeholders. SQLite itself would run the first statement of several and take no notice of the others, and take a
// parameter that is not given for NULL.

import { queryFault } from "../sql-fault.ts";

export interface ScannedStatement {
  readonly text: string;
  /** Its first word, in upper case. */
  readonly keyword: string;
  /** The highest placeholder: 2 with `$1` and `$2`. */
  readonly params: number;
}

interface Token {
  readonly kind: "word" | "param" | "semicolon" | "other";
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const TOKEN = new RegExp(
  [
    String.raw`(?<skip>\s+|--[^\n]*|/\*[\s\S]*?(?:\*/|$))`,
    String.raw`(?<quoted>'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|${"`"}(?:[^${"`"}]|${"``"})*(?:${"`"}|$)|\[[^\]]*(?:\]|$))`,
    String.raw`(?<number>\d[\w.]*)`,
    String.raw`(?<param>\$\d+(?![\w$]))`,
    String.raw`(?<placeholder>\?\d*|[:@#$]+\w+)`,
    String.raw`(?<word>[\p{L}_][\p{L}\p{N}_$]*)`,
    String.raw`(?<semicolon>;)`,
    String.raw`(?<other>[\s\S])`,
  ].join("|"),
  "guy",
);

function* tokens(sql: string): Generator<Token> {
  for (const match of sql.matchAll(TOKEN)) {
    const { groups = {}, index } = match;
    const [text] = match;
    const at = { text, start: index, end: index + text.length };
    if (groups["skip"] !== undefined) continue;
    if (groups["placeholder"] !== undefined)
      throw queryFault(`"${text}" is no placeholder here, want $1, $2 and so on`);
    if (groups["param"] !== undefined) yield { kind: "param", ...at };
    else if (groups["word"] !== undefined) yield { kind: "word", ...at };
    else if (groups["semicolon"] !== undefined) yield { kind: "semicolon", ...at };
    else yield { kind: "other", ...at };
  }
}

/**
 * The statements of a text; none when it has only comments.
 * @throws SqlFault for placeholders of another kind
 */
export function scanSql(sql: string): ScannedStatement[] {
  const statements: ScannedStatement[] = [];
  let words: string[] = [];
  let params = 0;
  let start: number | undefined;
  let end = 0;
  /** Inside a trigger: how many of BEGIN and CASE have no END yet. */
  let depth = 0;

  const finish = (): void => {
    if (start !== undefined) statements.push({ text: sql.slice(start, end), keyword: words[0] ?? "", params });
    words = [];
    params = 0;
    start = undefined;
    depth = 0;
  };
  for (const token of tokens(sql)) {
    if (token.kind === "semicolon" && depth === 0) {
      finish();
      continue;
    }
    start ??= token.start;
    ({ end } = token);
    if (token.kind === "param") params = Math.max(params, Number(token.text.slice(1)));
    if (token.kind !== "word") continue;
    const word = token.text.toUpperCase();
    if (words.length < 4) words.push(word);
    if (words[0] !== "CREATE" || !words.slice(0, 3).includes("TRIGGER")) continue;
    if (word === "BEGIN" || word === "CASE") depth += 1;
    else if (word === "END" && depth > 0) depth -= 1;
  }
  finish();
  return statements;
}

const OPENS = /^(BEGIN(\s+(DEFERRED|IMMEDIATE|EXCLUSIVE))?|START)(\s+TRANSACTION)?$/i;
const CLOSES = /^(COMMIT|END)(\s+TRANSACTION)?$/i;

/** A batch is one transaction anyway: BEGIN and COMMIT around all of it say nothing new. */
export function withoutFrame(statements: readonly ScannedStatement[]): readonly ScannedStatement[] {
  const framed = OPENS.test(statements[0]?.text ?? "") && CLOSES.test(statements.at(-1)?.text ?? "");
  return framed && statements.length > 1 ? statements.slice(1, -1) : statements;
}
