// Recorded calls, one JSON object a line:
//
//   {"interface": "wasi:http/x", "function": "handle", "args": ["text", {"$bytes": "aGk="}],
//    "imports": [{"value": 7}, {"err": "no"}]}
//
// Values are in the JavaScript mapping (wit/value.ts); what JSON has not got is written as {"$bytes": base64},
// {"$bigint": decimal} and null for undefined. `imports` are the answers that the call's imports get, in their order.

import { PetioleError } from "../../domain/errors.ts";
import { reasonOf } from "../../lib/reason.ts";

export interface WarmUpCall {
  readonly interfaceName: string;
  readonly functionName: string;
  readonly args: readonly unknown[];
  readonly imports: readonly WarmUpAnswer[];
}

export type WarmUpAnswer = { readonly value: unknown } | { readonly err: unknown };

/** @throws PetioleError ERR_CONFIG_INVALID with the number of the line */
export function parseWarmUp(text: string, source: string): readonly WarmUpCall[] {
  const calls: WarmUpCall[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    try {
      calls.push(parseCall(line));
    } catch (cause) {
      const found = reasonOf(cause);
      throw new PetioleError("ERR_CONFIG_INVALID", `Cannot read "${source}", line ${index + 1}: ${found}`, { cause });
    }
  }
  return calls;
}

function parseCall(line: string): WarmUpCall {
  const call = JSON.parse(line) as unknown;
  if (!isRecord(call)) throw new Error("found no object");
  const { interface: interfaceName, function: functionName, args = [], imports = [] } = call;
  if (typeof interfaceName !== "string" || typeof functionName !== "string") {
    throw new Error(`want the names "interface" and "function"`);
  }
  if (!Array.isArray(args) || !Array.isArray(imports)) throw new Error(`want lists as "args" and "imports"`);
  return { interfaceName, functionName, args: args.map(parseValue), imports: imports.map(parseAnswer) };
}

function parseAnswer(answer: unknown): WarmUpAnswer {
  if (isRecord(answer) && "err" in answer) return { err: parseValue(answer["err"]) };
  if (isRecord(answer) && "value" in answer) return { value: parseValue(answer["value"]) };
  throw new Error(`want "value" or "err" in an answer`);
}

function parseValue(value: unknown): unknown {
  if (value === null) return undefined;
  if (Array.isArray(value)) return value.map(parseValue);
  if (!isRecord(value)) return value;
  const { $bytes: bytes, $bigint: bigint } = value;
  if (typeof bytes === "string") return Uint8Array.fromBase64(bytes);
  if (typeof bigint === "string") return BigInt(bigint);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, parseValue(one)]));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
