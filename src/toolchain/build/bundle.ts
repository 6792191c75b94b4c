import { stripVTControlCharacters } from "node:util";
import { PetioleError } from "../../domain/errors.ts";
import { reasonOf } from "../../lib/reason.ts";
import { IS_CHECKOUT, SOURCE_CONDITION } from "../place.ts";
import { pageText } from "./page-text.ts";

// `wasi:keyvalue/store@0.2.0-draft` and the like are provided when the component is made. `node:` is not among them:
// a guest has no Node modules, and leaving such an import in would only fail when the component starts.
const WIT_SPECIFIER = /^(?!node:)[a-z][a-z0-9-]*:[a-z][a-z0-9-]*\//;

/** How the sources of a component are read, whatever is made of them. */
export const guestInput = (entry: string) => ({
  input: entry,
  platform: "neutral" as const,
  resolve: { conditionNames: [...(IS_CHECKOUT ? [SOURCE_CONDITION] : []), "import", "default"] },
  external: WIT_SPECIFIER,
  plugins: [pageText()],
});

export interface Bundle {
  readonly code: string;
  /** Absolute paths of the files that went into it. */
  readonly modules: readonly string[];
}

/**
 * One ES module of `entry` and what it imports; imports of WIT interfaces stay.
 * @throws PetioleError ERR_BUILD_FAILED
 */
export async function bundle(entry: string, options: { readonly minify?: boolean } = {}): Promise<Bundle> {
  const { rolldown } = await import("rolldown");
  try {
    await using build = await rolldown({
      ...guestInput(entry),
      // An import that cannot be resolved would end up in the component as a name that nothing serves.
      onLog: (level, log) => {
        if (level === "warn") throw new Error(log.message);
      },
    });
    const minify = options.minify ?? false;
    const { output } = await build.generate({ format: "esm", codeSplitting: false, minify });
    return { code: output[0].code, modules: await build.watchFiles };
  } catch (cause) {
    throw new PetioleError(
      "ERR_BUILD_FAILED",
      `Cannot bundle "${entry}": ${stripVTControlCharacters(reasonOf(cause))}`,
      {
        cause,
      },
    );
  }
}
