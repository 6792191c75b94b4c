import { fileURLToPath } from "node:url";

/**
 * What of petiole's own files the toolchain needs: `wit`, `templates`. The npm package has them where a checkout has
 * them, seen from here.
 */
export function toolchainFile(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

/** Whether these are the sources, of a checkout, and not what the npm package has. */
export const IS_CHECKOUT = import.meta.url.endsWith(".ts");

/** Under this condition, petiole's package.json leads to the sources. */
export const SOURCE_CONDITION = "petiole-source";
