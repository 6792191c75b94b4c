// Providers that need something elsewhere, such as a server, with what the device has itself in its place.

import { join } from "node:path";
import { fileNameOf, isRecord, wrong, type Bench, type BenchDeps, type OpenBench } from "./bench.ts";

const quiet = ({ wanted }: BenchDeps, type: string, config: unknown): Bench => ({
  id: wanted.id,
  kind: "",
  type,
  config,
  names: [],
  usage: [],
  describe: () => [],
  run: async () => await Promise.reject(wrong(`Cannot play "${wanted.id}"`)),
  [Symbol.asyncDispose]: async () => {},
});

export const openKeyValueBench: OpenBench = async (deps) => quiet(deps, "keyvalue-sqlite", {});

export const openBlobstoreBench: OpenBench = async (deps) =>
  quiet(deps, "blobstore-fs", { folder: join(deps.folder, `blobs-${fileNameOf(deps.wanted.id)}`) });

/** The statements have to be such as SQLite takes. */
export const openSqlBench: OpenBench = async (deps) =>
  quiet(deps, "sql-sqlite", { file: join(deps.folder, `${fileNameOf(deps.wanted.id)}.db`) });

/** Files of the device are made in the folder of this run. */
export const openSqliteBench: OpenBench = async (deps) => {
  const raw = isRecord(deps.wanted.config) ? deps.wanted.config : {};
  return quiet(deps, "sql-sqlite", { ...raw, file: join(deps.folder, `${fileNameOf(deps.wanted.id)}.db`) });
};
