// References to secrets inside of configurations. Pure.

import { SecretReference } from "../domain/secret.ts";

type Path = readonly PropertyKey[];

const KEYS: ReadonlySet<string> = new Set(["secret", "backend", "field", "version"]);
/** No longer than what a file name may have. */
const MAX_TEXT = 255;

/**
 * Makes a reference of every object with the key `secret`, wherever it stands in `config`. What is wrong with one is told to
 * `onFault`.
 */
export function markReferences(config: unknown, onFault: (path: Path, message: string) => void): unknown {
  return replace(config, [], (value, path) => {
    if (!("secret" in value)) return undefined;
    for (const key of Object.keys(value).filter((one) => !KEYS.has(one))) {
      onFault([...path, key], "a reference to a secret has the keys secret, backend, field and version");
    }
    const texts = Object.entries(value).filter(([key]) => KEYS.has(key));
    const wrong = texts.filter(([, text]) => typeof text !== "string" || text === "" || text.length > MAX_TEXT);
    for (const [key] of wrong) onFault([...path, key], `want text of 1 to ${MAX_TEXT} characters`);
    if (wrong.length > 0) return undefined;
    const { secret, backend, field, version } = Object.fromEntries(texts) as Record<string, string>;
    return new SecretReference({ secret: secret ?? "", backend, field, version });
  });
}

/** Makes references again of what was stored of them, at these places alone. */
export function recallReferences(config: unknown, places: readonly Path[]): unknown {
  const known = new Set(places.map((path) => JSON.stringify(path)));
  return replace(config, [], (value, path) => {
    if (!known.has(JSON.stringify(path))) return undefined;
    const { secret = "", backend, field, version, context } = value as Partial<SecretReference>;
    return new SecretReference({ secret, backend, field, version }, context);
  });
}

export interface FoundReference {
  readonly path: Path;
  readonly reference: SecretReference;
}

export function findReferences(config: unknown): FoundReference[] {
  const found: FoundReference[] = [];
  fillReferences(config, (reference, path) => found.push({ path, reference }));
  return found;
}

/** The configuration with something else in place of each reference. One without any is returned as it is. */
export function fillReferences(config: unknown, fill: (reference: SecretReference, path: Path) => unknown): unknown {
  return replace(config, [], (value, path) => (value instanceof SecretReference ? fill(value, path) : undefined));
}

/** Asks about each object, from the outside in; undefined leaves it, with what is in it asked about. */
function replace(value: unknown, path: Path, change: (value: object, path: Path) => unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const changed = change(value, path);
  if (changed !== undefined) return changed;
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    const next = items.map((item, index) => replace(item, [...path, index], change));
    return next.some((item, index) => item !== items[index]) ? next : value;
  }
  if (!isPlain(value)) return value;
  const entries = Object.entries(value);
  const next = entries.map(([key, inner]) => [key, replace(inner, [...path, key], change)] as const);
  return next.some(([, inner], index) => inner !== entries[index]?.[1]) ? Object.fromEntries(next) : value;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
