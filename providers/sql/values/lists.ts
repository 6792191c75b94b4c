// Values that are made of others: arrays, vectors, maps, documents of the full text search, and a few of PostgreSQL's own.

import { misfit, unrepresentable, type Codec } from "./codec.ts";

/** Reads `{1,"a \"b\"",NULL}`: one dimension, without NULL, as the contract's lists are. */
function parseArray(literal: string, delimiter: string): string[] {
  const text = literal.slice(literal.indexOf("{"));
  const elements: string[] = [];
  let at = 1;
  while (at < text.length - 1) {
    if (text[at] === "{") throw unrepresentable("an array has several dimensions");
    let element = "";
    const quoted = text[at] === '"';
    if (quoted) {
      for (at += 1; text[at] !== '"'; at += 1) {
        if (text[at] === "\\") at += 1;
        element += text[at] ?? "";
        if (at >= text.length) throw unrepresentable("an array has no end");
      }
      at += 1;
    } else {
      const next = text.indexOf(delimiter, at);
      const end = next === -1 ? text.length - 1 : next;
      element = text.slice(at, end);
      at = end;
    }
    if (!quoted && element.toUpperCase() === "NULL") throw unrepresentable("an array has a NULL in it");
    elements.push(element);
    at += delimiter.length;
  }
  return elements;
}

const quote = (text: string): string => `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;

/** Lists of numbers come as typed arrays. */
export function arrayOf<Value>(element: Codec<Value>, delimiter = ","): Codec<Iterable<Value>> {
  return {
    read: (text) => parseArray(text, delimiter).map((one) => element.read(one)),
    write: (values) => `{${Array.from(values, (value) => quote(element.write(value))).join(delimiter)}}`,
  };
}

/** `1 2 3`. */
export const vector: Codec<Iterable<number>> = {
  read: (text) => (text === "" ? [] : text.split(" ").map(Number)),
  write: (values) => Array.from(values).join(" "),
};

const PAIR = /"((?:[^"\\]|\\.)*)"=>(?:NULL|"((?:[^"\\]|\\.)*)")/g;
const unescape = (text: string): string => text.replaceAll(/\\(.)/gs, "$1");

export const hstore: Codec<readonly (readonly [string, string | undefined])[]> = {
  read: (text) =>
    Array.from(text.matchAll(PAIR), ([, key, value]) => [
      unescape(key ?? ""),
      value === undefined ? undefined : unescape(value),
    ]),
  write: (pairs) =>
    pairs.map(([key, value]) => `${quote(key)}=>${value === undefined ? "NULL" : quote(value)}`).join(","),
};

interface Lexeme {
  readonly position?: number | undefined;
  readonly weight?: string | undefined;
  readonly data: string;
}

const LEXEME = /'((?:[^']|'')*)'(?::(\S+))?/g;

/** One entry for each position of a word, or one without. */
function readLexemes(text: string): Lexeme[] {
  return Array.from(text.matchAll(LEXEME)).flatMap(([, quoted = "", places]): Lexeme[] => {
    const data = quoted.replaceAll(/''|\\\\/g, ([first = ""]) => first);
    if (places === undefined) return [{ position: undefined, weight: undefined, data }];
    return places.split(",").map((place) => ({
      position: Number.parseInt(place, 10),
      weight: /[A-D]$/.exec(place)?.[0] ?? "D",
      data,
    }));
  });
}

function writeLexeme({ position, weight, data }: Lexeme): string {
  const word = `'${data.replaceAll(/['\\]/g, "$&$&")}'`;
  if (position === undefined) {
    if (weight !== undefined) throw misfit("lexeme: a weight needs a position", data);
    return word;
  }
  return `${word}:${position}${weight ?? ""}`;
}

export const lexemes: Codec<readonly Lexeme[]> = {
  read: readLexemes,
  write: (all) => all.map(writeLexeme).join(" "),
};

/** `16/B374D848`. */
export const logPosition: Codec<bigint> = {
  read: (text) => {
    const [high, low] = text.split("/");
    return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
  },
  write: (value) => `${(value >> 32n).toString(16)}/${(value & 0xffff_ffffn).toString(16)}`,
};

/** `10:20:10,14,15`. */
export const snapshot: Codec<readonly [bigint, bigint, Iterable<bigint>]> = {
  read: (text) => {
    const [from = "0", to = "0", list = ""] = text.split(":");
    return [BigInt(from), BigInt(to), list === "" ? [] : list.split(",").map(BigInt)];
  },
  write: ([from, to, list]) => `${from}:${to}:${Array.from(list).join(",")}`,
};

/** With lc_monetary C: `$1,234.50` or `-$1.00`. */
export const money: Codec<string> = {
  read: (text) => text.replaceAll(/[$,]/g, ""),
  write: (value) => {
    if (!/^[+-]?\d+(\.\d+)?$/.test(value)) throw misfit("amount of money", value);
    return value;
  },
};
