// One owner: who it is, the pets, their visits, and the forms that add to them.

import { parseDate, type CalendarDate } from "../../common/calendar.ts";
import { checkOwner, checkPet, checkVisit } from "../../common/forms.ts";
import { ApiError, get, post, type Owner, type OwnerFile, type Pet } from "./api.ts";
import { el, showDate } from "./dom.ts";
import { makeForm } from "./form.ts";
import type { Context, Shown } from "./view.ts";

export async function showOwner({ signal }: Context, id: number): Promise<Shown> {
  const owner = await get<OwnerFile>(`/api/owners/${id}`, signal);
  const about = el("dl", { class: "card" });
  for (const [name, value] of [
    ["Address", owner.address],
    ["City", owner.city],
    ["Telephone", owner.telephone],
  ] as const) {
    about.append(el("dt", {}, name), el("dd", {}, value));
  }
  const pets = el(
    "div",
    { class: "row" },
    el("h2", {}, "Pets"),
    el("a", { class: "button main", href: `/owners/${id}/pets/new` }, "Add pet"),
  );
  const none = owner.pets.length === 0 ? [el("p", {}, "None yet.")] : [];
  return { title: nameOf(owner), content: [about, pets, ...none, ...owner.pets.map((pet) => showPet(id, pet))] };
}

function showPet(owner: number, pet: Pet): HTMLElement {
  const add = {
    class: "button",
    href: `/owners/${owner}/pets/${pet.id}/visits/new`,
    "aria-label": `Add visit of ${pet.name}`,
  };
  const visits = pet.visits.map(({ date, description }) => el("li", {}, showDate(date), " ", description));
  return el(
    "article",
    { class: "card", "aria-labelledby": `pet-${pet.id}` },
    el(
      "div",
      { class: "row" },
      el(
        "div",
        {},
        el("h3", { id: `pet-${pet.id}` }, pet.name),
        el("span", { class: "quiet" }, `${pet.species}, born `, showDate(pet.birthDate)),
      ),
      el("a", add, "Add visit"),
    ),
    visits.length === 0 ? el("p", { class: "quiet" }, "No visits yet") : el("ul", { class: "plain" }, ...visits),
  );
}

export function showAddOwner({ go }: Context): Shown {
  const form = makeForm({
    fields: [
      { name: "firstName", label: "First name", attributes: { autocomplete: "off" } },
      { name: "lastName", label: "Last name", attributes: { autocomplete: "off" } },
      { name: "address", label: "Address", attributes: { autocomplete: "off" } },
      { name: "city", label: "City", attributes: { autocomplete: "off" } },
      { name: "telephone", label: "Telephone", attributes: { type: "tel", autocomplete: "off" } },
    ],
    submit: "Add owner",
    cancel: "/owners",
    check: checkOwner,
    async send(values) {
      const owner = await post<Owner>("/api/owners", values);
      go(`/owners/${owner.id}`, `${nameOf(owner)} was added`);
    },
  });
  return { title: "Add owner", content: [form] };
}

export async function showAddPet({ go, signal }: Context, id: number): Promise<Shown> {
  const [owner, { species }] = await Promise.all([
    get<OwnerFile>(`/api/owners/${id}`, signal),
    get<{ readonly species: readonly string[] }>("/api/species", signal),
  ]);
  const form = makeForm({
    fields: [
      { name: "name", label: "Name", attributes: { autocomplete: "off" } },
      { name: "species", label: "Species", options: species },
      { name: "birthDate", label: "Date of birth", attributes: { type: "date" } },
    ],
    submit: "Add pet",
    cancel: `/owners/${id}`,
    check: (values) => checkPet(values, { species, today: today() }),
    async send(values) {
      const pet = await post<Pet>(`/api/owners/${id}/pets`, values);
      go(`/owners/${id}`, `${pet.name} was added`);
    },
  });
  return { title: `Add pet of ${nameOf(owner)}`, content: [form] };
}

export async function showAddVisit({ go, signal }: Context, id: number, petId: number): Promise<Shown> {
  const owner = await get<OwnerFile>(`/api/owners/${id}`, signal);
  const pet = owner.pets.find((one) => one.id === petId);
  const born = parseDate(pet?.birthDate ?? "");
  if (pet === undefined || born === undefined) throw new ApiError("There is no such pet", { status: 404 });
  const form = makeForm({
    fields: [
      { name: "date", label: "Date", attributes: { type: "date" } },
      { name: "description", label: "What for", attributes: { autocomplete: "off" } },
    ],
    submit: "Add visit",
    cancel: `/owners/${id}`,
    check: (values) => checkVisit(values, { born }),
    async send(values) {
      await post(`/api/owners/${id}/pets/${petId}/visits`, values);
      go(`/owners/${id}`, `The visit of ${pet.name} was added`);
    },
  });
  return { title: `Add visit of ${pet.name}`, content: [form] };
}

const nameOf = ({ firstName, lastName }: Owner): string => `${firstName} ${lastName}`;

function today(): CalendarDate {
  const now = new Date();
  return { year: now.getFullYear(), month: now.getMonth() + 1, day: now.getDate() };
}
