import { relative, resolve } from "node:path";

/** True for the folder itself and all below it, as the paths spell it: links are not looked at. */
export function isInside(folder: string, path: string): boolean {
  const from = relative(folder, resolve(path));
  return from === "" || (from !== ".." && !from.startsWith("../"));
}
