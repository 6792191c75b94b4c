// The JSON mapping of proto3, as far as a host needs it. Reading is lenient, so that a newer operator can be read: fields in
// either spelling, numbers as text and text as numbers, null for what is left out, unknown fields passed over. What is
// written is strict: the operator refuses a message with a field that it does not know.

import { z } from "zod";

/** A message: the fields by their JSON names. */
export function message<Shape extends z.ZodRawShape>(shape: Shape) {
  const names = new Map(
    Object.keys(shape).flatMap((name) => [[name, name] as const, [snakeCase(name), name] as const]),
  );
  return z.preprocess((value) => fieldsOf(value, names), z.object(shape));
}

/** What is known of an object, by JSON names. Anything else stays as it is, and fits no message. */
function fieldsOf(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const fields = new Map<string, unknown>();
  for (const [key, inner] of Object.entries(value)) {
    const name = names.get(key);
    if (name === undefined || inner === null) continue;
    if (name === key || !fields.has(name)) fields.set(name, inner);
  }
  return Object.fromEntries(fields);
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

export const text = z.string().default("");

export const flag = z.boolean().default(false);

/** Of any width; whole, as protobuf wants it. */
export const integer = z
  .union([z.number(), z.string().regex(/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/)])
  .transform(Number)
  .pipe(z.number().int())
  .default(0);

export const texts = z.array(z.string()).default([]);

export const textMap = z.record(z.string(), z.string()).default({});

/** By name or by number; one that is not known counts as the first. */
export function enumeration<Name extends string>(names: readonly [Name, ...Name[]]): z.ZodType<Name> {
  const [unspecified] = names;
  return z
    .union([z.string(), z.number()])
    .default(unspecified)
    .transform((value) =>
      typeof value === "number" ? (names[value] ?? unspecified) : (names.find((name) => name === value) ?? unspecified),
    );
}

/** A value as a message has it: zero values are left out, 64-bit numbers are text. */
export type Written = string | number | boolean | readonly Written[] | { readonly [name: string]: Written };

/** Leaves out the fields that protobuf leaves out: those that have the value of a field that is not there. */
export function writeFields(fields: Readonly<Record<string, Written | undefined>>): { [name: string]: Written } {
  const written = Object.entries(fields).filter((field): field is [string, Written] => !isZero(field[1]));
  return Object.fromEntries(written);
}

function isZero(value: Written | undefined): boolean {
  if (value === undefined || value === "" || value === 0 || value === false) return true;
  if (typeof value !== "object") return false;
  return Array.isArray(value) && value.length === 0;
}

/** A number of 64 bits, which JSON's own numbers may not hold; undefined for zero. */
export const writeUint64 = (value: number): string | undefined =>
  value > 0 && Number.isFinite(value) ? BigInt(Math.trunc(value)).toString() : undefined;
