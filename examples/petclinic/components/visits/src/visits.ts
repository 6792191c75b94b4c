// Visits of pets.

import type { Visit, VisitDraft } from "petclinic:clinic/visits@0.1.0";
import { day, int, placeholders, text, type Database, type Row } from "../../common/database.ts";
import { takeId } from "../../common/migrate.ts";

const COMPONENT = "visits";
/** Of one answer: the oldest are left out. */
const MAX_VISITS = 500;
const MAX_PETS = 100;

export function listVisits(database: Database, pets: ArrayLike<number>): Visit[] {
  const ids = [...new Set(Array.from(pets))].slice(0, MAX_PETS);
  if (ids.length === 0) return [];
  const wanted = placeholders(ids.length, 2);
  return database
    .query(
      `SELECT id, pet_id, visit_date, description FROM visits WHERE pet_id IN (${wanted}) ` +
        "ORDER BY visit_date DESC, id DESC LIMIT $1",
      [int(MAX_VISITS), ...ids.map(int)],
    )
    .map(readVisit);
}

export function addVisit(database: Database, pet: number, { date, description }: VisitDraft): Visit {
  const id = takeId(database, COMPONENT, "visit");
  database.query(`INSERT INTO visits (id, pet_id, visit_date, description) VALUES (${placeholders(4)})`, [
    int(id),
    int(pet),
    day(date),
    text(description),
  ]);
  return { id, pet, date, description };
}

const readVisit = (row: Row): Visit => ({
  id: row.int("id"),
  pet: row.int("pet_id"),
  date: row.day("visit_date"),
  description: row.text("description"),
});
