// Where what should run comes from: the configuration file, and what the cloud wants on top of it. Pure.

import type { LinkSpec, WantedState } from "../domain/workload.ts";
import { linkKey } from "./plan.ts";

/**
 * One desired state of several sources, the strongest last. Of items with one id the stronger source's is taken, whole.
 * A link of a weaker source loses the imports that a stronger one links for the same component, and the rest of it stays.
 */
export function mergeDesired(sources: readonly WantedState[]): WantedState {
  return sources.reduce(overlay, { components: [], providers: [], links: [] });
}

function overlay(base: WantedState, top: WantedState): WantedState {
  const components = mergeById(base.components, top.components);
  const isComponent = new Set(components.map(({ id }) => id));
  return {
    components,
    providers: mergeById(base.providers, top.providers),
    links: [...base.links.flatMap((link) => remains(link, top.links, isComponent)), ...top.links],
  };
}

/** In the order of the base, then what is new. */
function mergeById<T extends { readonly id: string }>(base: readonly T[], top: readonly T[]): T[] {
  const stronger = new Map(top.map((item) => [item.id, item]));
  const kept = base.map((item) => stronger.get(item.id) ?? item);
  const known = new Set(base.map(({ id }) => id));
  return [...kept, ...top.filter(({ id }) => !known.has(id))];
}

/** What the stronger links leave of a link. */
function remains(link: LinkSpec, top: readonly LinkSpec[], isComponent: ReadonlySet<string>): LinkSpec[] {
  if (!isComponent.has(link.source)) return top.some((other) => linkKey(other) === linkKey(link)) ? [] : [link];
  // A component's import has one link.
  const taken = new Set(top.filter(({ source }) => source === link.source).flatMap(({ interfaces }) => interfaces));
  const interfaces = link.interfaces.filter((name) => !taken.has(name));
  if (interfaces.length === link.interfaces.length) return [link];
  return interfaces.length === 0 ? [] : [{ ...link, interfaces }];
}
