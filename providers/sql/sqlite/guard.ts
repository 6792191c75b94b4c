// What a component may do in a database on the device: read and change tables, and make and drop them.

import { constants } from "node:sqlite";

const { SQLITE_OK, SQLITE_DENY, SQLITE_PRAGMA, SQLITE_FUNCTION, SQLITE_CREATE_VTABLE, SQLITE_DROP_VTABLE } = constants;

const ALLOWED: ReadonlySet<number> = new Set([
  constants.SQLITE_SELECT,
  constants.SQLITE_READ,
  constants.SQLITE_INSERT,
  constants.SQLITE_UPDATE,
  constants.SQLITE_DELETE,
  constants.SQLITE_RECURSIVE,
  constants.SQLITE_CREATE_TABLE,
  constants.SQLITE_CREATE_INDEX,
  constants.SQLITE_CREATE_VIEW,
  constants.SQLITE_CREATE_TRIGGER,
  constants.SQLITE_DROP_TABLE,
  constants.SQLITE_DROP_INDEX,
  constants.SQLITE_DROP_VIEW,
  constants.SQLITE_DROP_TRIGGER,
  constants.SQLITE_ALTER_TABLE,
  constants.SQLITE_REINDEX,
  constants.SQLITE_ANALYZE,
]);

/** They tell what there is, and set nothing. */
const PRAGMAS: ReadonlySet<string> = new Set([
  "table_info",
  "table_xinfo",
  "table_list",
  "index_list",
  "index_info",
  "index_xinfo",
  "foreign_key_list",
]);
const MODULES: ReadonlySet<string> = new Set(["fts5", "rtree", "rtree_i32"]);
const REFUSED_FUNCTIONS: ReadonlySet<string> = new Set(["load_extension", "fts3_tokenizer", "readfile", "writefile"]);

/** SQLite's question while it prepares a statement: may it do `action` with the first of its names? */
export function judgeAction(action: number, first: string | null, second: string | null): number {
  const may =
    ALLOWED.has(action) ||
    (action === SQLITE_PRAGMA && PRAGMAS.has(first?.toLowerCase() ?? "")) ||
    (action === SQLITE_FUNCTION && !REFUSED_FUNCTIONS.has(second?.toLowerCase() ?? "")) ||
    ((action === SQLITE_CREATE_VTABLE || action === SQLITE_DROP_VTABLE) && MODULES.has(second?.toLowerCase() ?? ""));
  return may ? SQLITE_OK : SQLITE_DENY;
}
