import { fileURLToPath } from "node:url";

/**
 * What of petiole's own files the toolchain needs: `wit`, `templates`. The npm package has them where a checkout has
 * them, seen from here.
 */
export function toolchainFile(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}
