import { existsSync, watch, type FSWatcher } from "node:fs";
import { join, sep } from "node:path";
import { isInside } from "../../lib/is-inside.ts";

export interface WatchOptions {
  /** Each with everything below it. */
  readonly folders: readonly string[];
  /** Folders of which the files alone count. */
  readonly flat: readonly string[];
  /** Called with the paths that changed, once nothing has changed for a moment. */
  readonly onChange: (paths: ReadonlySet<string>) => void;
}

/** Editors write a file in several steps: a moment in which nothing happens ends a change. */
const QUIET_MS = 20;

const IGNORED = new Set(["node_modules", "build", ".git", ".petiole"]);

export interface SourceWatch extends Disposable {
  /** Follows the files of one more folder, if they are not followed already. */
  add(folder: string): void;
}

/** Tells of changed files. What goes and comes again, such as a file that is replaced, is one change. */
export function watchSources({ folders, flat, onChange }: WatchOptions): SourceWatch {
  const watchers: FSWatcher[] = [];
  const known = new Set<string>();
  let changed = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  const note = (folder: string, name: string | null): void => {
    if (name === null || name.split(sep).some((part) => IGNORED.has(part)) || /~$|\.swp$|^\.#/.test(name)) return;
    changed.add(join(folder, name));
    clearTimeout(timer);
    timer = setTimeout(() => {
      const paths = changed;
      changed = new Set();
      onChange(paths);
    }, QUIET_MS);
  };
  const begin = (folder: string, recursive: boolean): void => {
    if (known.has(folder) || !existsSync(folder)) return;
    known.add(folder);
    const watcher = watch(folder, { recursive }, (_event, name) => note(folder, name));
    // A folder that goes away is a change of the project, which whoever reads it finds out.
    watcher.on("error", () => {});
    watchers.push(watcher);
  };
  for (const folder of folders) begin(folder, true);
  for (const folder of flat) begin(folder, false);
  return {
    add: (folder) => {
      if (!folders.some((one) => isInside(one, folder))) begin(folder, false);
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
    },
  };
}
