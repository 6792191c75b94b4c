import { SIGNED_64, UNSIGNED_64, type CounterBounds, type InterfaceShape } from "#provider";

/** What differs between the drafts of `wasi:keyvalue`. */
export interface Edition {
  readonly counter: CounterBounds;
  /** How a component has the place of a listing. */
  readonly cursor: "number" | "text";
}

/** By version. Components elsewhere have the first, which is that of wasmCloud's hosts. */
const EDITIONS: Readonly<Record<string, Edition>> = {
  "0.2.0-draft": { counter: UNSIGNED_64, cursor: "number" },
  "0.2.0-draft2": { counter: SIGNED_64, cursor: "text" },
};
const FIRST = "0.2.0-draft";
export const VERSIONS: readonly string[] = Object.keys(EDITIONS);

/**
 * The edition of a component by what it imports; the first one for an import without version or a component that is
 * elsewhere. Undefined for a version that is neither: drafts are not compatible with each other.
 */
export function editionOf(shapes: readonly InterfaceShape[]): Edition | undefined {
  let edition = EDITIONS[FIRST];
  for (const { name } of shapes) {
    const [interfaceName = "", version = FIRST] = name.split("@", 2);
    if (!interfaceName.startsWith("wasi:keyvalue/")) continue;
    if (!Object.hasOwn(EDITIONS, version)) return undefined;
    edition = EDITIONS[version];
  }
  return edition;
}
