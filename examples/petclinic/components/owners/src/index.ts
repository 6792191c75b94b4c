// The WIT edges of owners and pets.

import { query, queryBatch } from "wasmcloud:postgres/query@0.1.1-draft";
import { serveTables } from "../../common/serve-tables.ts";
import { addOwner, addPet, getOwner, listSpecies, searchOwners } from "./owners.ts";
import { MIGRATIONS } from "./schema.ts";

const serve = serveTables({ query, queryBatch }, "owners", MIGRATIONS);

export const owners = {
  search: serve(searchOwners),
  get: serve(getOwner),
  add: serve(addOwner),
  addPet: serve(addPet),
  species: serve(listSpecies),
};
