import { isDeepStrictEqual } from "node:util";
import type { ApplicationChange } from "../domain/application.ts";

/** Something that an application has, as people are shown it and as it is told from another. */
export interface Thing {
  readonly shown: Omit<ApplicationChange, "action">;
  /** Tells two links between the same ends apart. */
  readonly part?: string | undefined;
  readonly spec: unknown;
}

/** What goes, then what is new or another, in its order. Pure. */
export function compareThings(before: readonly Thing[], after: readonly Thing[]): ApplicationChange[] {
  const [old, fresh] = [byKey(before), byKey(after)];
  const removed = [...old]
    .filter(([key]) => !fresh.has(key))
    .map(([, { shown }]): ApplicationChange => ({ action: "remove", ...shown }));
  const rest = [...fresh].flatMap(([key, { shown, spec }]): ApplicationChange[] => {
    const known = old.get(key);
    if (known === undefined) return [{ action: "add", ...shown }];
    return isDeepStrictEqual(known.spec, spec) ? [] : [{ action: "change", ...shown }];
  });
  return [...removed, ...rest];
}

const byKey = (things: readonly Thing[]): ReadonlyMap<string, Thing> =>
  new Map(things.map((thing) => [JSON.stringify([thing.shown.kind, thing.shown.id, thing.part ?? ""]), thing]));
