// What can run of what is wanted, while images are still on their way. Pure.

import type {
  ComponentId,
  ComponentSpec,
  DesiredState,
  Digest,
  LinkSpec,
  WantedComponent,
  WantedState,
} from "../domain/workload.ts";
import type { Artifact } from "./ports.ts";

/** A copy of the version that worked last. */
export interface StandIn {
  readonly file: string;
  readonly digest: Digest;
}

export interface Ready {
  readonly artifacts: ReadonlyMap<ComponentId, Artifact>;
  readonly standIns: ReadonlyMap<ComponentId, StandIn>;
  readonly before: DesiredState;
}

/**
 * The part of `wanted` that is on the device. A component whose image is not there yet goes on as `before` had it, with
 * its links; after a boot its stand-in runs, or it is left out. Which reference an artifact came from makes no difference:
 * the same bytes are no change.
 */
export function readyState(wanted: WantedState, { artifacts, standIns, before }: Ready): DesiredState {
  const earlier = new Map(before.components.map((spec) => [spec.id, spec]));
  const ready: ComponentSpec[] = [];
  const held = new Set<ComponentId>();
  for (const component of wanted.components) {
    const { id } = component;
    const spec = specOf(component, sourceOf(artifacts.get(id)) ?? (earlier.has(id) ? undefined : standIns.get(id)));
    if (spec === undefined) held.add(id);
    const taken = spec ?? earlier.get(id);
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

function specOf(component: WantedComponent, source: StandIn | undefined): ComponentSpec | undefined {
  const { image: _image, ...rest } = component;
  if (rest.file !== undefined) return { ...rest, file: rest.file };
  if (source === undefined) return undefined;
  // What the trust checks saw is what runs: a file that changes after them is not started.
  return { ...rest, file: source.file, digest: source.digest };
}

const sourceOf = (artifact: Artifact | undefined): StandIn | undefined =>
  artifact === undefined ? undefined : { file: artifact.file, digest: artifact.content };
