import { dirname } from "node:path";
import { isMap, isNode, isScalar, LineCounter, parseDocument, type Document } from "yaml";
import type { z } from "zod";
import { PetioleError } from "../domain/errors.ts";
import { checkReferences, type ConfigFault } from "./check.ts";
import { configSchema, type Config } from "./schema.ts";

/** Nesting that aliases could make larger than memory is refused by the parser. */
const MAX_ALIASES = 100;

/**
 * Parses the text of a configuration file. `source` is its path: relative paths in it start at its folder, and it
 * stands before each fault.
 * @throws PetioleError ERR_CONFIG_INVALID with every fault, one a line, as `source:line:column: path: fault`
 */
export function parseConfig(text: string, source: string): Config {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, merge: false });
  const locate = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${source}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    throw invalid(
      source,
      document.errors.map((error) => `${locate(error.pos[0])}: ${yamlReason(error.message)}`),
    );
  }
  let raw: unknown;
  try {
    raw = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    throw invalid(source, [`${source}: ${error instanceof Error ? error.message : String(error)}`]);
  }
  const result = configSchema(dirname(source)).safeParse(raw ?? {});
  const faults = [...(result.success ? [] : flattenIssues(result.error.issues)), ...checkReferences(raw)];
  if (!result.success || faults.length > 0) {
    const found = faults.map((fault) => ({ fault, offset: offsetOf(document, fault.path) }));
    found.sort((a, b) => a.offset - b.offset);
    throw invalid(
      source,
      found.map(({ fault, offset }) => `${locate(offset)}: ${formatPath(fault.path)}${fault.message}`),
    );
  }
  return deepFreeze(result.data);
}

function invalid(source: string, faults: readonly string[]): PetioleError {
  const count = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
  return new PetioleError("ERR_CONFIG_INVALID", `Cannot use "${source}": found ${count}\n${faults.join("\n")}`);
}

/** One fault for each unknown key, so that each gets its own line number. */
function flattenIssues(issues: readonly z.core.$ZodIssue[]): ConfigFault[] {
  return issues.flatMap((issue): ConfigFault[] => {
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({ path: [...issue.path, key], message: "this key is not known here" }));
    }
    if (issue.code === "invalid_key") {
      const reason = issue.issues.map((inner) => inner.message).join("; ");
      return [{ path: issue.path, message: `this name is not allowed: ${reason}` }];
    }
    return [{ path: issue.path, message: issue.message }];
  });
}

/** Offset of the deepest part of `path` that stands in the file: the key if there is one, else its container. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const container = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    if (isMap(container)) {
      const pair = container.items.find(
        (item) => isScalar(item.key) && String(item.key.value) === String(path[length - 1]),
      );
      if (pair !== undefined && isNode(pair.key)) return pair.key.range?.[0] ?? 0;
    }
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node)) return node.range?.[0] ?? 0;
  }
  return document.contents?.range?.[0] ?? 0;
}

function formatPath(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "";
  const text = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  return `${text.replace(/^\./, "")}: `;
}

/** The parser's message without the position and the excerpt that it adds; `locate` has said where. */
const yamlReason = (message: string): string =>
  (message.split("\n", 1)[0] ?? message).replace(/ at line \d+, column \d+:?$/, "");

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
