// What the lattice asked this host for, and what the host therefore keeps over a reboot. Pure.

import { z } from "zod";
import { registryMap } from "./wire.ts";

const strings = z.record(z.string(), z.string());

const component = z.object({
  id: z.string(),
  reference: z.string(),
  count: z.int(),
  annotations: strings,
  /** Names of configurations, in the order in which they are merged. */
  config: z.array(z.string()),
  /** What it was before an update that is not decided about yet. */
  previous: z.object({ reference: z.string(), annotations: strings }).optional(),
});
const provider = component.omit({ count: true, previous: true });

const record = z.object({
  components: z.array(component),
  providers: z.array(provider),
  /** Changes to the labels of the configuration file; null takes one away. */
  labels: z.record(z.string(), z.string().nullable()),
  registries: registryMap,
});

export type WantedComponent = Readonly<z.infer<typeof component>>;
export type WantedProvider = Readonly<z.infer<typeof provider>>;
export type Wanted = Readonly<z.infer<typeof record>>;

export const NOTHING_WANTED: Wanted = { components: [], providers: [], labels: {}, registries: {} };

/** Undefined for what cannot be one. */
export function parseWanted(text: string): Wanted | undefined {
  try {
    const result = record.safeParse(JSON.parse(text));
    return result.success ? result.data : undefined;
  } catch {
    return undefined;
  }
}

export const findItem = <T extends { readonly id: string }>(items: readonly T[], id: string): T | undefined =>
  items.find((item) => item.id === id);

/** With `item` in the place of the one that has its id, or at the end. */
export function withItem<T extends { readonly id: string }>(items: readonly T[], item: T): T[] {
  return findItem(items, item.id) === undefined
    ? [...items, item]
    : items.map((other) => (other.id === item.id ? item : other));
}

export const withoutItem = <T extends { readonly id: string }>(items: readonly T[], id: string): T[] =>
  items.filter((item) => item.id !== id);
