import { isMap, isNode, isScalar, LineCounter, parseDocument, type Document } from "yaml";
import { PetioleError, type ErrorCode } from "../domain/errors.ts";
import { reasonOf } from "../lib/reason.ts";

/** A fault of a configuration and where it is: keys and indexes from the top of the file. */
export interface ConfigFault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** A YAML document that can say where its parts stand. */
export interface YamlSource {
  readonly value: unknown;
  /** An error that shows the faults where they stand, of the source's code unless another is given. */
  invalid(faults: readonly ConfigFault[], code?: ErrorCode): PetioleError;
  /** Each as `source:line:column: path: message`, in the order of the document. */
  locate(faults: readonly ConfigFault[]): string[];
}

/** Aliases that would make the document larger than memory are refused by the parser. */
const MAX_ALIASES = 100;

/** @throws PetioleError of the code when the text is not YAML */
export function openYaml(text: string, source: string, code: ErrorCode = "ERR_CONFIG_INVALID"): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, merge: false });
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${source}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    const faults = document.errors.map((error) => `${place(error.pos[0])}: ${yamlReason(error.message)}`);
    throw invalid(code, source, faults);
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    throw invalid(code, source, [`${source}: ${reasonOf(error)}`]);
  }
  const locate = (faults: readonly ConfigFault[]): string[] => {
    const found = faults.map((fault) => ({ ...fault, offset: offsetOf(document, fault.path) }));
    found.sort((a, b) => a.offset - b.offset);
    return found.map(({ path, message, offset }) => `${place(offset)}: ${formatPath(path)}${message}`);
  };
  return { value, locate, invalid: (faults, other = code) => invalid(other, source, locate(faults)) };
}

function invalid(code: ErrorCode, source: string, faults: readonly string[]): PetioleError {
  const count = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
  return new PetioleError(code, `Cannot use "${source}": found ${count}\n${faults.join("\n")}`);
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
