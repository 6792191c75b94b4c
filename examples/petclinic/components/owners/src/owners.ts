// Owners and their pets, in tables of their own.

import type { Owner, OwnerDraft, OwnerFile, OwnerList, Pet, PetDraft } from "petclinic:clinic/owners@0.1.0";
import type { Page } from "petclinic:clinic/types@0.1.0";
import { day, int, placeholders, text, type Database, type Row } from "../../common/database.ts";
import { ClinicFault } from "../../common/faults.ts";
import { beginsWith, foldName } from "../../common/fold.ts";
import { takeId } from "../../common/migrate.ts";

const COMPONENT = "owners";
/** Of one owner; also what keeps an answer small. */
const MAX_PETS = 50;
const MAX_PAGE = 100;
const COLUMNS = "id, first_name, last_name, address, city, telephone";

export function searchOwners(database: Database, name: string, { offset, limit }: Page): OwnerList {
  const like = text(beginsWith(name));
  const found = "FROM owners WHERE last_key LIKE $1 ESCAPE '!' OR first_key LIKE $1 ESCAPE '!'";
  const total = database.query(`SELECT count(*) AS total ${found}`, [like])[0]?.int("total") ?? 0;
  const owners = database
    .query(`SELECT ${COLUMNS} ${found} ORDER BY last_key, first_key, id LIMIT $2 OFFSET $3`, [
      like,
      int(Math.min(limit, MAX_PAGE)),
      int(offset),
    ])
    .map(readOwner);
  const names = petNames(
    database,
    owners.map(({ id }) => id),
  );
  return { total, owners: owners.map((owner) => ({ owner, pets: names.get(owner.id) ?? [] })) };
}

export function getOwner(database: Database, id: number): OwnerFile {
  const row = database.query(`SELECT ${COLUMNS} FROM owners WHERE id = $1`, [int(id)])[0];
  if (row === undefined) throw new ClinicFault("missing", `There is no owner ${id}`);
  const pets = database
    .query("SELECT id, name, species, birth_date FROM pets WHERE owner_id = $1 ORDER BY name_key", [int(id)])
    .map(readPet);
  return { owner: readOwner(row), pets };
}

export function addOwner(database: Database, draft: OwnerDraft): Owner {
  const { firstName, lastName, address, city, telephone } = draft;
  const id = takeId(database, COMPONENT, "owner");
  const added = database.query(
    `INSERT INTO owners (${COLUMNS}, first_key, last_key) VALUES (${placeholders(8)}) ON CONFLICT DO NOTHING RETURNING id`,
    [
      int(id),
      ...[firstName, lastName, address, city, telephone].map(text),
      text(foldName(firstName)),
      text(foldName(lastName)),
    ],
  );
  if (added.length === 0) {
    throw new ClinicFault("exists", `${firstName} ${lastName} with this telephone number is known already`);
  }
  return { id, ...draft };
}

export function addPet(database: Database, owner: number, draft: PetDraft): Pet {
  const { pets } = getOwner(database, owner);
  if (pets.length >= MAX_PETS) throw new ClinicFault("exists", `The owner has ${MAX_PETS} pets already`);
  const { name, species, birthDate } = draft;
  if (!listSpecies(database).includes(species)) throw new ClinicFault("invalid", `There is no species "${species}"`);
  const id = takeId(database, COMPONENT, "pet");
  const added = database.query(
    `INSERT INTO pets (id, owner_id, name, name_key, species, birth_date) VALUES (${placeholders(6)}) ` +
      "ON CONFLICT DO NOTHING RETURNING id",
    [int(id), int(owner), text(name), text(foldName(name)), text(species), day(birthDate)],
  );
  if (added.length === 0) throw new ClinicFault("exists", `The owner has a pet named ${name} already`);
  return { id, name, species, birthDate };
}

export const listSpecies = (database: Database): string[] =>
  database.query("SELECT name FROM species ORDER BY name", []).map((row) => row.text("name"));

function petNames(database: Database, owners: readonly number[]): ReadonlyMap<number, string[]> {
  const names = new Map<number, string[]>(owners.map((id) => [id, []]));
  if (owners.length === 0) return names;
  const statement = `SELECT owner_id, name FROM pets WHERE owner_id IN (${placeholders(owners.length)}) ORDER BY name_key`;
  for (const row of database.query(statement, owners.map(int))) names.get(row.int("owner_id"))?.push(row.text("name"));
  return names;
}

const readOwner = (row: Row): Owner => ({
  id: row.int("id"),
  firstName: row.text("first_name"),
  lastName: row.text("last_name"),
  address: row.text("address"),
  city: row.text("city"),
  telephone: row.text("telephone"),
});

const readPet = (row: Row): Pet => ({
  id: row.int("id"),
  name: row.text("name"),
  species: row.text("species"),
  birthDate: row.day("birth_date"),
});
