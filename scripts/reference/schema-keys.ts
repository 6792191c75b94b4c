// The keys of a zod schema as a user writes them: types, limits and defaults. The schema itself is asked what it takes, because
// its own tests of a text, such as those of durations, are functions.

import { z } from "zod";

export interface Key {
  /** As the documents spell it: `providers.<name>.type`, `links[].from`. */
  readonly path: string;
  readonly type: string;
  /** Markdown; undefined when the key must be there. */
  readonly fallback: string | undefined;
}

interface Json {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Json>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Json | boolean;
  readonly items?: Json;
  readonly anyOf?: readonly Json[];
  readonly oneOf?: readonly Json[];
  readonly allOf?: readonly Json[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  /** What asking the schema found out. */
  readonly text?: string;
}

/** Relative paths of the schemas that are described start here. */
export const FOLDER = "/where-the-file-is";

/** Every key that has a value of its own, in the schema's order. */
export function keysOf(schema: z.ZodType): Key[] {
  const json = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      // Of a default that goes into a transformation, JSON Schema knows nothing.
      if (zodSchema instanceof z.ZodDefault)
        jsonSchema.default ??= zodSchema.def.defaultValue as typeof jsonSchema.default;
      if (jsonSchema.type === "string" && jsonSchema.enum === undefined && jsonSchema.const === undefined) {
        jsonSchema["text"] = kindOfText(zodSchema as unknown as z.ZodType);
      }
    },
  });
  return unique(within(json as Json, ""));
}

/** Keys of sections, such as `hub`, and what is directly or deeper in them. */
export const isKnown = (keys: readonly Key[], path: string): boolean =>
  keys.some((key) => key.path === path || key.path.startsWith(`${path}.`) || key.path.startsWith(`${path}[]`));

function within(schema: Json, prefix: string): Key[] {
  const inProperties = Object.entries(schema.properties ?? {}).flatMap(([name, value]) => {
    const path = prefix === "" ? name : `${prefix}.${name}`;
    const deeper = below(value, path);
    if (deeper.length > 0) return deeper;
    const isRequired = schema.required?.includes(name) === true && value.default === undefined;
    const type = typeOf(value);
    return [{ path, type, fallback: isRequired ? undefined : formatDefault(value.default, type) }];
  });
  return [...inProperties, ...variantsOf(schema).flatMap((variant) => within(variant, prefix))];
}

/** What is inside a value that is no value itself. */
function below(value: Json, path: string): Key[] {
  const named = value.additionalProperties;
  return [
    ...within(value, path),
    ...(typeof named === "object" ? within(named, `${path}.<name>`) : []),
    ...(value.items === undefined ? [] : within(value.items, `${path}[]`)),
    ...variantsOf(value).flatMap((variant) => below(variant, path)),
  ];
}

const variantsOf = ({ anyOf = [], oneOf = [], allOf = [] }: Json): readonly Json[] => [...anyOf, ...oneOf, ...allOf];

function unique(keys: readonly Key[]): Key[] {
  const byPath = Map.groupBy(keys, (key) => key.path);
  return [...byPath.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    const types = [...new Set([first, ...others].map(({ type }) => type))];
    const fallback = [first, ...others].some((key) => key.fallback !== undefined)
      ? (first.fallback ?? "none")
      : undefined;
    return [{ path: first.path, type: types.join(" or "), fallback }];
  });
}

function typeOf(value: Json): string {
  const variants = variantsOf(value);
  if (variants.length > 0) {
    const types = [...new Set(variants.map(typeOf))];
    return types.join(variants.every((variant) => variant.const !== undefined) ? ", " : " or ");
  }
  if (value.const !== undefined) return code(value.const);
  if (value.enum !== undefined) return value.enum.map(code).join(", ");
  switch (value.type) {
    case "string":
      return `${value.text ?? "text"}${range(value.minLength === 1 ? undefined : value.minLength, value.maxLength, " characters")}`;
    case "integer":
    case "number": {
      const low = value.minimum ?? value.exclusiveMinimum;
      return `${value.type === "integer" ? "whole number" : "number"}${range(low, value.maximum, "")}`;
    }
    case "boolean":
      return "`true`, `false`";
    case "array":
      return `list${range(value.minItems === 1 ? undefined : value.minItems, value.maxItems, " entries")}, each: ${typeOf(value.items ?? {})}`;
    case "object":
      return typeof value.additionalProperties === "object"
        ? `names, each with: ${typeOf(value.additionalProperties)}`
        : "section";
    case undefined:
    default:
      return "see there";
  }
}

function range(low: number | undefined, high: number | undefined, unit: string): string {
  const real = (bound: number | undefined): bound is number =>
    bound !== undefined && Number.isFinite(bound) && Math.abs(bound) < Number.MAX_SAFE_INTEGER;
  if (real(low) && real(high)) return `, ${low} to ${high}${unit}`;
  if (real(low)) return `, at least ${low}${unit}`;
  return real(high) ? `, at most ${high}${unit}` : "";
}

/** A value that no path, duration or name is. */
const NONSENSE = "\0";

function kindOfText(schema: z.ZodType): string {
  const takes = (text: string): boolean => schema.safeParse(text).success;
  const wants = (text: string): string[] =>
    (schema.safeParse(text).error?.issues ?? []).flatMap(({ message }) => /\bwant (.*)$/s.exec(message)?.[1] ?? []);
  const isDuration = (text: string): boolean => wants(NONSENSE).some((want) => want.startsWith(`a ${text} such as`));
  if (isDuration("duration")) return ["duration", ...new Set([...wants("0ms"), ...wants("36500d")])].join(", ");
  if (isDuration("size")) return ["size", ...new Set([...wants("0B"), ...wants("999999GiB")])].join(", ");
  const parsed = takes("x") ? schema.parse("x") : undefined;
  if (parsed === `${FOLDER}/x`) return "path";
  const wanted = wants(NONSENSE);
  return wanted.length === 0 ? "text" : wanted.join("; ");
}

function formatDefault(value: unknown, type: string): string {
  if (value === undefined || value === "") return "none";
  // Some schemas have what a text becomes as default, instead of the text.
  if (typeof value === "number" && type.includes("duration")) return code(inUnits(value, DURATIONS));
  if (typeof value === "number" && type.includes("size")) return code(inUnits(value, SIZES));
  if (value instanceof Uint8Array) return code(JSON.stringify(Buffer.from(value).toString("latin1")));
  const isEmpty = typeof value === "object" && value !== null && Object.keys(value).length === 0;
  return isEmpty ? "none" : code(value);
}

const DURATIONS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
const SIZES = { GiB: 1024 ** 3, MiB: 1024 ** 2, KiB: 1024, B: 1 };

/** In the largest unit of which it is a whole number. */
function inUnits(value: number, units: Readonly<Record<string, number>>): string {
  const found = Object.entries(units).find(([, size]) => value >= size && value % size === 0);
  return found === undefined ? `${value}${Object.keys(units).at(-1)}` : `${value / found[1]}${found[0]}`;
}

const code = (value: unknown): string => `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
