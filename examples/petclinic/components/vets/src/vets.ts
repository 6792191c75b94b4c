// Vets and what they are specialists of.

import type { Page } from "petclinic:clinic/types@0.1.0";
import type { VetList } from "petclinic:clinic/vets@0.1.0";
import { int, placeholders, type Database } from "../../common/database.ts";

const MAX_PAGE = 100;

export function searchVets(database: Database, { offset, limit }: Page): VetList {
  const total = database.query("SELECT count(*) AS total FROM vets", [])[0]?.int("total") ?? 0;
  const vets = database
    .query("SELECT id, first_name, last_name FROM vets ORDER BY last_key, id LIMIT $1 OFFSET $2", [
      int(Math.min(limit, MAX_PAGE)),
      int(offset),
    ])
    .map((row) => ({
      id: row.int("id"),
      firstName: row.text("first_name"),
      lastName: row.text("last_name"),
      specialties: [] as string[],
    }));
  if (vets.length > 0) {
    const byId = new Map(vets.map((vet) => [vet.id, vet]));
    const statement = `SELECT vet_id, name FROM vet_specialties WHERE vet_id IN (${placeholders(vets.length)}) ORDER BY name`;
    for (const row of database.query(statement, [...byId.keys()].map(int))) {
      byId.get(row.int("vet_id"))?.specialties.push(row.text("name"));
    }
  }
  return { total, vets };
}
