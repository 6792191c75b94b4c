// The WIT edges of visits.

import { query, queryBatch } from "wasmcloud:postgres/query@0.1.1-draft";
import { serveTables } from "../../common/serve-tables.ts";
import { MIGRATIONS } from "./schema.ts";
import { addVisit, listVisits } from "./visits.ts";

const serve = serveTables({ query, queryBatch }, "visits", MIGRATIONS);

export const visits = { ofPets: serve(listVisits), add: serve(addVisit) };
