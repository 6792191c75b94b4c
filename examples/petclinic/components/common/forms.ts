// What may be entered. The page and the API go by the same rules: the page to say so at once, the API because nobody need use the page.

import { compareDates, formatDate, parseDate, type CalendarDate } from "./calendar.ts";

export interface OwnerForm {
  readonly firstName: string;
  readonly lastName: string;
  readonly address: string;
  readonly city: string;
  readonly telephone: string;
}

export interface PetForm {
  readonly name: string;
  readonly species: string;
  readonly birthDate: CalendarDate;
}

export interface VisitForm {
  readonly date: CalendarDate;
  readonly description: string;
}

/** What is wrong, by the name of the field. */
export type FieldFaults = Readonly<Record<string, string>>;

export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly faults: FieldFaults };

export interface PetRules {
  readonly species: readonly string[];
  /** Pets are not born later. */
  readonly today: CalendarDate;
}

export interface VisitRules {
  readonly born: CalendarDate;
}

const CONTROL = /[\p{Cc}\u2028\u2029]/u;
const TELEPHONE = /^\+?[0-9](?:[0-9 ()/.-]*[0-9])$/;

export function checkOwner(raw: unknown): Checked<OwnerForm> {
  const form = readForm(raw, ["firstName", "lastName", "address", "city", "telephone"]);
  const telephone = form.text("telephone", 3, 24);
  if (telephone !== "" && !TELEPHONE.test(telephone)) {
    form.refuse("telephone", "Enter digits, with spaces or + ( ) / . - between them");
  }
  return form.result({
    firstName: form.text("firstName", 1, 40),
    lastName: form.text("lastName", 1, 40),
    address: form.text("address", 1, 120),
    city: form.text("city", 1, 80),
    telephone,
  });
}

export function checkPet(raw: unknown, { species, today }: PetRules): Checked<PetForm> {
  const form = readForm(raw, ["name", "species", "birthDate"]);
  const birthDate = form.date("birthDate");
  // People are ahead of UTC by up to fourteen hours, and a device may not know the time at all.
  if (today.year >= 2024 && compareDates(birthDate, dayAfter(today)) > 0) {
    form.refuse("birthDate", "Enter a day that is not in the future");
  }
  const kind = form.text("species", 1, 40);
  if (kind !== "" && !species.includes(kind)) form.refuse("species", `Choose one of: ${species.join(", ")}`);
  return form.result({ name: form.text("name", 1, 40), species: kind, birthDate });
}

export function checkVisit(raw: unknown, { born }: VisitRules): Checked<VisitForm> {
  const form = readForm(raw, ["date", "description"]);
  const date = form.date("date");
  if (compareDates(date, born) < 0) {
    form.refuse("date", `Enter a day from ${formatDate(born)} on, when the pet was born`);
  }
  return form.result({ date, description: form.text("description", 1, 500) });
}

/** Stands for a date that is refused. */
const NO_DATE: CalendarDate = { year: 2000, month: 1, day: 1 };

function readForm(raw: unknown, names: readonly string[]) {
  // What is sent may have any name, `__proto__` too.
  const faults = Object.create(null) as Record<string, string>;
  const isObject = typeof raw === "object" && raw !== null && !Array.isArray(raw);
  const values = new Map<string, unknown>(isObject ? Object.entries(raw) : []);
  if (!isObject) faults[""] = "Send an object";
  for (const name of values.keys()) if (!names.includes(name)) faults[name.slice(0, 40)] = "There is no such field";
  /** The first thing that is wrong with a field is said. */
  const refuse = (name: string, fault: string): void => void (faults[name] ??= fault);

  function text(name: string, least: number, most: number): string {
    const value = values.get(name) ?? "";
    if (typeof value !== "string") {
      refuse(name, "Send text");
      return "";
    }
    const trimmed = value.trim();
    const length = Array.from(trimmed).length;
    if (length === 0) refuse(name, "Fill this in");
    else if (length < least) refuse(name, `Enter at least ${least} characters`);
    else if (length > most) refuse(name, `Enter at most ${most} characters`);
    else if (CONTROL.test(trimmed) || !trimmed.isWellFormed()) refuse(name, "Enter one line of text");
    return trimmed;
  }

  function date(name: string): CalendarDate {
    const written = text(name, 1, 40);
    const found = parseDate(written);
    if (found === undefined) refuse(name, "Enter a date, such as 2024-01-31");
    return found ?? NO_DATE;
  }

  const result = <T>(value: T): Checked<T> =>
    Object.keys(faults).length === 0 ? { ok: true, value } : { ok: false, faults };
  return { text, date, refuse, result };
}

/** A limit to compare with, and no day: at the end of a month it is the 32nd, or so. */
const dayAfter = ({ year, month, day }: CalendarDate): CalendarDate => ({ year, month, day: day + 1 });
