// What can run of what is wanted, while images are still on their way. Pure.

import type {
  ComponentId,
  ComponentSpec,
  DesiredState,
  LinkSpec,
  WantedComponent,
  WantedState,
} from "../domain/workload.ts";
import type { Artifact } from "./ports.ts";

/**
 * The part of `wanted` that is on the device. A component whose image is not there yet goes on as `before` had it, with
 * its links, or is left out. Which reference an artifact came from makes no difference: the same bytes are no change.
 */
export function readyState(
  wanted: WantedState,
  artifacts: ReadonlyMap<ComponentId, Artifact>,
  before: DesiredState,
): DesiredState {
  const earlier = new Map(before.components.map((spec) => [spec.id, spec]));
  const ready: ComponentSpec[] = [];
  const held = new Set<ComponentId>();
  for (const component of wanted.components) {
    const spec = specOf(component, artifacts.get(component.id));
    if (spec === undefined) held.add(component.id);
    const taken = spec ?? earlier.get(component.id);
    if (taken !== undefined) ready.push(taken);
  }
  const there = new Set([...ready, ...wanted.providers].map(({ id }) => id));
  const calls = new Set(ready.map(({ id }) => id));
  // What a component imports is its own affair: it need not wait for another one that it calls.
  const isHeld = ({ source, target }: LinkSpec): boolean =>
    held.has(source) || (held.has(target) && !calls.has(source));
  const goesOn = (link: LinkSpec): boolean => isHeld(link) && there.has(link.source) && there.has(link.target);
  return {
    components: ready,
    providers: wanted.providers,
    links: [...wanted.links.filter((link) => !isHeld(link)), ...before.links.filter(goesOn)],
  };
}

function specOf(component: WantedComponent, artifact: Artifact | undefined): ComponentSpec | undefined {
  const { image: _image, ...rest } = component;
  if (rest.file !== undefined) return { ...rest, file: rest.file };
  if (artifact === undefined) return undefined;
  // What the trust checks saw is what runs: a file that changes after them is not started.
  return { ...rest, file: artifact.file, digest: artifact.content };
}
