import { wrong } from "./bench/bench.ts";

export interface CallLine {
  readonly interfaceName: string;
  readonly functionName: string;
  readonly args: readonly unknown[];
}

/**
 * What `call petiole:timer/timer-handler#handle-timer {"name": "tick"}` means: the arguments are JSON, one after another. Big
 * integers are texts with an n at the end, such as "12n"; bytes are {"bytes": "text"}.
 * @throws PetioleError ERR_DEV_COMMAND
 */
export function parseCall(line: string): CallLine {
  const [, interfaceName, functionName, rest = ""] =
    /^call\s+(?:(\S+)#)?([a-z][a-z0-9-]*)\s*([\s\S]*)$/.exec(line.trim()) ?? [];
  if (functionName === undefined) throw wrong("Cannot call that: want call INTERFACE#FUNCTION, then arguments as JSON");
  let args: unknown;
  try {
    args = JSON.parse(`[${separated(rest)}]`, revive);
  } catch {
    throw wrong(`Cannot take "${rest}" as arguments: want JSON values, one after another`);
  }
  return { interfaceName: interfaceName ?? "$root", functionName, args: args as readonly unknown[] };
}

/** Puts commas between values that stand side by side. */
function separated(text: string): string {
  const values: string[] = [];
  let depth = 0;
  let quoted = false;
  let value = "";
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at] ?? "";
    if (quoted) {
      if (letter === "\\") {
        value += letter + (text[at + 1] ?? "");
        at += 1;
        continue;
      }
      if (letter === '"') quoted = false;
    } else if (letter === '"') quoted = true;
    else if (letter === "{" || letter === "[") depth += 1;
    else if (letter === "}" || letter === "]") depth -= 1;
    else if (/\s/.test(letter) && depth === 0) {
      if (value !== "") values.push(value);
      value = "";
      continue;
    }
    value += letter;
  }
  if (value !== "") values.push(value);
  return values.join(",");
}

function revive(_key: string, value: unknown): unknown {
  if (typeof value === "string" && /^-?\d+n$/.test(value)) return BigInt(value.slice(0, -1));
  if (typeof value === "object" && value !== null && "bytes" in value && Object.keys(value).length === 1) {
    return Uint8Array.from(Buffer.from(String(value.bytes)));
  }
  return value;
}
