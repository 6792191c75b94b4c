// The project's code as the loader takes it: one script, and the way back from its lines to the sources.

import { dirname, resolve } from "node:path";
import { SourceMap, type SourceMapPayload } from "node:module";
import { rolldown } from "rolldown";
import { reasonOf } from "../../../lib/reason.ts";
import { guestInput } from "../../build/bundle.ts";
import { FaultyCode, stripColours, type Fault } from "../fault.ts";

/** Where QuickJS says that something of the code is: lines of the script. */
const PLACE = /<(?:input|evalScript)>:(\d+)(?::(\d+))?/g;

/** A line of a stack that is the loader's. */
const LOADER_FRAME = /\n\s*at [^\n]*\(componentize-qjs:user\.js:[^\n]*/g;

export interface GuestCode {
  readonly text: string;
  /** Absolute paths of the files that went into it. */
  readonly modules: readonly string[];
  /** The same text with places in the sources where it has places in the script. */
  locate(text: string): string;
}

/** @throws FaultyCode */
export async function bundleGuest(entry: string, shown: (file: string) => string): Promise<GuestCode> {
  try {
    const warnings: Fault[] = [];
    await using build = await rolldown({
      ...guestInput(entry),
      // An import that cannot be resolved would be nothing that the loader knows.
      onLog: (level, log) => {
        if (level === "warn") warnings.push(faultOf(log, entry, shown));
      },
    });
    const { output } = await build.generate({
      format: "cjs",
      codeSplitting: false,
      sourcemap: "hidden",
      esModule: false,
    });
    if (warnings.length > 0) throw new FaultyCode(warnings);
    const { code, map, sourcemapFileName } = output[0];
    const folder = dirname(resolve("dist", sourcemapFileName ?? "index.js.map"));
    return {
      text: code,
      modules: await build.watchFiles,
      locate: locator(map as unknown as SourceMapPayload, (file) => shown(resolve(folder, file))),
    };
  } catch (error) {
    if (error instanceof FaultyCode) throw error;
    const errors = error instanceof Error && "errors" in error && Array.isArray(error.errors) ? error.errors : [error];
    throw new FaultyCode(errors.map((one) => faultOf(one, entry, shown)));
  }
}

interface BundlerMessage {
  readonly message?: string;
  readonly id?: string;
  readonly loc?: { readonly line?: number; readonly column?: number; readonly file?: string };
}

function faultOf(raw: unknown, entry: string, shown: (file: string) => string): Fault {
  const { id, loc, message } = raw as BundlerMessage;
  const text = stripColours(message ?? reasonOf(raw));
  // The first line says what is wrong; a picture of the code follows, which the editor shows better.
  const what = text.split("\n")[0]?.replace(/^\[[A-Z_]+\] */, "") ?? text;
  return { file: shown(loc?.file ?? id ?? entry), line: loc?.line, column: (loc?.column ?? 0) + 1, message: what };
}

function locator(payload: SourceMapPayload, shown: (file: string) => string): GuestCode["locate"] {
  let map: SourceMap | undefined;
  return (raw) => {
    const text = raw.replaceAll(LOADER_FRAME, "");
    if (!text.includes("<")) return text;
    map ??= new SourceMap(payload);
    const found = map;
    return text.replaceAll(PLACE, (place, line: string, column: string | undefined) => {
      const entry = found.findEntry(Number(line) - 1, Number(column ?? 1) - 1);
      if (!("originalSource" in entry)) return place;
      return `${shown(entry.originalSource)}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
    });
  };
}
