// The WIT edges of vets.

import { query, queryBatch } from "wasmcloud:postgres/query@0.1.1-draft";
import { serveTables } from "../../common/serve-tables.ts";
import { MIGRATIONS } from "./schema.ts";
import { searchVets } from "./vets.ts";

const serve = serveTables({ query, queryBatch }, "vets", MIGRATIONS);

export const vets = { search: serve(searchVets) };
