// The paths of the API, and what each method does there.

import type { Pet } from "petclinic:clinic/owners@0.1.0";
import type { Page } from "petclinic:clinic/types@0.1.0";
import type { Visit } from "petclinic:clinic/visits@0.1.0";
import { formatDate } from "../../common/calendar.ts";
import { checkOwner, checkPet, checkVisit, type Checked } from "../../common/forms.ts";
import type { Clinic } from "./clinic.ts";
import { Refusal } from "./refusal.ts";

export interface Asked {
  readonly query: ReadonlyMap<string, string>;
  /** The numbers in the path, from left to right. */
  readonly ids: readonly number[];
  /** Reads and parses the body. */
  readonly json: () => unknown;
}

interface Success {
  readonly status: 200 | 201;
  readonly body: unknown;
  /** Of what was made. */
  readonly location?: string;
}

type Serve = (clinic: Clinic, asked: Asked) => Success;

interface Route {
  /** A colon stands for a number. */
  readonly path: string;
  readonly get?: Serve;
  readonly post?: Serve;
}

const DEFAULT_SIZE = 20;
const MAX_SIZE = 100;
const MAX_PAGE = 100_000;
const MAX_NAME = 40;

export const ROUTES: readonly Route[] = [
  {
    path: "/api/owners",
    get(clinic, { query }) {
      const { page, size, part } = readPage(query);
      const name = (query.get("name") ?? "").trim();
      if (Array.from(name).length > MAX_NAME) throw wrong("name", `Enter at most ${MAX_NAME} characters`);
      // A name has no such characters, and not every database takes them.
      if (name.includes("\0") || !name.isWellFormed()) throw wrong("name", "Enter one line of text");
      const { total, owners } = clinic.owners.search(name, part);
      return {
        status: 200,
        body: { total, page, size, owners: owners.map(({ owner, pets }) => ({ ...owner, pets })) },
      };
    },
    post(clinic, { json }) {
      const owner = clinic.owners.add(accept(checkOwner(json())));
      return { status: 201, location: `/api/owners/${owner.id}`, body: { ...owner, pets: [] } };
    },
  },
  {
    path: "/api/owners/:",
    get(clinic, { ids: [id = 0] }) {
      const { owner, pets } = clinic.owners.get(id);
      const visits = pets.length === 0 ? [] : clinic.visits.ofPets(pets.map((pet) => pet.id));
      return { status: 200, body: { ...owner, pets: pets.map((pet) => showPet(pet, visits)) } };
    },
  },
  {
    path: "/api/owners/:/pets",
    post(clinic, { ids: [id = 0], json }) {
      const rules = { species: clinic.owners.species(), today: clinic.today() };
      const pet = clinic.owners.addPet(id, accept(checkPet(json(), rules)));
      return { status: 201, location: `/api/owners/${id}`, body: showPet(pet, []) };
    },
  },
  {
    path: "/api/owners/:/pets/:/visits",
    post(clinic, { ids: [id = 0, petId = 0], json }) {
      const pet = clinic.owners.get(id).pets.find((one) => one.id === petId);
      if (pet === undefined) throw new Refusal(404, `Owner ${id} has no pet ${petId}`);
      const visit = clinic.visits.add(petId, accept(checkVisit(json(), { born: pet.birthDate })));
      return { status: 201, location: `/api/owners/${id}`, body: showVisit(visit) };
    },
  },
  { path: "/api/species", get: (clinic) => ({ status: 200, body: { species: clinic.owners.species() } }) },
  {
    path: "/api/vets",
    get(clinic, { query }) {
      const { page, size, part } = readPage(query);
      const { total, vets } = clinic.vets.search(part);
      return { status: 200, body: { total, page, size, vets } };
    },
  },
];

/** The route of a path, and the numbers in it. */
export function findRoute(path: string): { readonly route: Route; readonly ids: readonly number[] } | undefined {
  const steps = path.split("/");
  for (const route of ROUTES) {
    const pattern = route.path.split("/");
    if (pattern.length !== steps.length) continue;
    const ids: number[] = [];
    const fits = pattern.every((want, index) => {
      const step = steps[index] ?? "";
      if (want !== ":") return want === step;
      const id = readId(step);
      if (id !== undefined) ids.push(id);
      return id !== undefined;
    });
    if (fits) return { route, ids };
  }
  return undefined;
}

function readId(step: string): number | undefined {
  const id = /^[1-9][0-9]{0,9}$/.test(step) ? Number(step) : 0;
  return id > 0 && id <= 0xffff_ffff ? id : undefined;
}

function readPage(query: ReadonlyMap<string, string>): { page: number; size: number; part: Page } {
  const page = readCount(query, "page", { fallback: 1, most: MAX_PAGE });
  const size = readCount(query, "size", { fallback: DEFAULT_SIZE, most: MAX_SIZE });
  return { page, size, part: { offset: (page - 1) * size, limit: size } };
}

function readCount(
  query: ReadonlyMap<string, string>,
  name: string,
  { fallback, most }: { readonly fallback: number; readonly most: number },
): number {
  const written = query.get(name);
  if (written === undefined) return fallback;
  const value = /^[0-9]{1,7}$/.test(written) ? Number(written) : 0;
  if (value < 1 || value > most) throw wrong(name, `Send a number from 1 to ${most}`);
  return value;
}

const wrong = (name: string, fault: string): Refusal =>
  new Refusal(400, "Some values are not as they should be", { fields: { [name]: fault } });

function accept<T>(checked: Checked<T>): T {
  if (checked.ok) return checked.value;
  throw new Refusal(400, "Some values are not as they should be", { fields: checked.faults });
}

const showPet = (pet: Pet, visits: readonly Visit[]) => ({
  ...pet,
  birthDate: formatDate(pet.birthDate),
  visits: visits.filter((visit) => visit.pet === pet.id).map(showVisit),
});

const showVisit = ({ id, date, description }: Visit) => ({ id, date: formatDate(date), description });
