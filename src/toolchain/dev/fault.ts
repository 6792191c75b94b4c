import { isPetioleError } from "../../domain/errors.ts";
import { reasonOf } from "../../lib/reason.ts";

/** What is wrong with a source, where an editor finds it. */
export interface Fault {
  /** Undefined when it is in no file. */
  readonly file?: string | undefined;
  /** From 1; undefined when it is the file as a whole. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  readonly message: string;
}

/** The code has faults that it cannot run with. */
export class FaultyCode extends Error {
  override readonly name = "FaultyCode";
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super(faults.map(formatFault).join("\n"));
    this.faults = faults;
  }
}

export function formatFault({ file, line, column, message }: Fault): string {
  const place = [file, line, line === undefined ? undefined : column].filter((part) => part !== undefined).join(":");
  return place === "" ? message : `${place}: ${message}`;
}

// oxlint-disable-next-line no-control-regex -- colours begin with the escape character
export const stripColours = (text: string): string => text.replaceAll(/\u001b\[[0-9;]*m/g, "");

/** `file:line:column: what`, as faults of manifests are told. */
const PLACED = /^(\S[^:]*):(\d+):(\d+): (.+)$/;
/** `file(line,column): what`, as the compiler tells. */
const COMPILED = /^(\S[^(]*)\((\d+),(\d+)\): (?:error )?(.+)$/;
/** Where in a stack of calls: what is shown of an error that was thrown. */
const THROWN = /(?:\(|at |^)([^\s()]+\.[cm]?[jt]s):(\d+):(\d+)/m;

/** The faults that an error tells of. `shown` makes a path what people know it by. */
export function faultsOf(error: unknown, shown: (file: string) => string): readonly Fault[] {
  if (error instanceof FaultyCode) return error.faults;
  const text = isPetioleError(error) ? error.message : reasonOf(error);
  const listed = text.split("\n").flatMap((line): Fault[] => {
    const [, file, at, column, message = ""] = PLACED.exec(line) ?? COMPILED.exec(line) ?? [];
    return file === undefined ? [] : [{ file: shown(file), line: Number(at), column: Number(column), message }];
  });
  if (listed.length > 0) return listed;
  const [, file, line, column] = THROWN.exec(text) ?? [];
  if (file === undefined) return [{ message: text }];
  const what = text.split("\n")[0] ?? text;
  return [{ file: shown(file), line: Number(line), column: Number(column), message: what }];
}
