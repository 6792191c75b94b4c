// How calls through the glue fail.

import { MisfitValue, describeValue } from "../../lib/wit/value.ts";

/** The component broke the canonical ABI, such as with a pointer to outside its memory. Its instance is done for. */
export class GuestTrap extends Error {
  override readonly name = "GuestTrap";
}

/** The values of one call would take more memory than the host has for them. The component did nothing wrong. */
export class TooLarge extends Error {
  override readonly name = "TooLarge";
}

/**
 * What the host answered does not fit the type of the imported function. Unlike a misfit argument it comes up while
 * the component runs, whose instance is done for.
 */
export class MisfitAnswer extends MisfitValue {
  /** `interface#function`, as the component names them. */
  readonly imported: string;

  constructor(misfit: MisfitValue, imported: string) {
    super(misfit.reason, misfit.path);
    this.imported = imported;
  }
}

export function trap(reason: string): never {
  throw new GuestTrap(reason);
}

export function tooLarge(): never {
  throw new TooLarge("the values of one call are too large for the host");
}

export function misfit(want: string, found: unknown): never {
  throw new MisfitValue(`found ${describeValue(found)}, want ${want}`);
}

export function misfitNumber(kind: string, found: unknown): never {
  const want = kind === "u64" || kind === "s64" ? "a bigint" : typeof found === "number" ? "an integer" : "a number";
  misfit(`${want} (${kind})`, found);
}

export function misfitName(names: readonly string[], found: unknown): never {
  misfit(`one of ${names.map((name) => `"${name}"`).join(", ")}`, found);
}

export function misfitTag(names: readonly string[], found: unknown): never {
  try {
    misfitName(names, found);
  } catch (error) {
    under(".tag", error);
  }
}

/** Throws `error` again, with the way to the part that does not fit when it is about that. */
export function under(step: string, error: unknown): never {
  if (error instanceof MisfitValue) throw new MisfitValue(error.reason, step + error.path);
  throw error;
}

export function answer(imported: string, error: unknown): never {
  if (error instanceof MisfitValue) throw new MisfitAnswer(error, imported);
  throw error;
}

/** No one outside could hold or drop a resource that the component defines. */
export function stays(resource: string): never {
  throw new MisfitValue(`a "${resource}" cannot leave the component`);
}
