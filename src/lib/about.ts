// What the single executable says of itself.

import { isExecutable, readAsset } from "./parts.ts";

/** What the build writes into it (cross-build/about.ts). */
export interface About {
  /** Commit that it was built from, with "-dirty" when something was changed. */
  readonly commit: string;
  /** Such as "linux-arm64". */
  readonly target: string;
  /** SQLite inside better-sqlite3. */
  readonly sqlite: string;
  /** Versions of the npm packages that are inside, by name; of two, the one that petiole itself uses. */
  readonly packages: Readonly<Record<string, string>>;
  /** Only where one is inside. */
  readonly natsServer?: { readonly version: string; readonly sha256: string };
}

/** Undefined in a checkout, which says it all by itself. */
export function readAbout(): About | undefined {
  if (!isExecutable()) return undefined;
  return JSON.parse(readAsset("about.json").toString()) as About; // Written by our own build.
}
