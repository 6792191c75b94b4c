// What can run of what is wanted, while images are still on their way. Pure.

import type {
  ComponentSpec,
  DesiredState,
  Digest,
  LinkEnd,
  LinkSpec,
  ProviderSpec,
  WantedComponent,
  WantedProvider,
  WantedState,
} from "../domain/workload.ts";
import type { Artifact } from "./ports.ts";

/** A copy of the version that worked last. */
export interface StandIn {
  readonly file: string;
  readonly digest: Digest;
}

export interface Ready {
  readonly artifacts: ReadonlyMap<LinkEnd, Artifact>;
  readonly standIns: ReadonlyMap<LinkEnd, StandIn>;
  readonly before: DesiredState;
}

/**
 * The part of `wanted` that is on the device. What has an image that is not there yet goes on as `before` had it, with
 * its links; after a boot a component's stand-in runs, or it is left out. Which reference an artifact came from makes no
 * difference: the same bytes are no change.
 */
export function readyState(wanted: WantedState, { artifacts, standIns, before }: Ready): DesiredState {
  const held = new Set<LinkEnd>();
  function takeReady<Wanted extends { readonly id: string }, Spec extends { readonly id: string }>(
    items: readonly Wanted[],
    earlier: readonly Spec[],
    become: (item: Wanted, source: StandIn | undefined) => Spec | undefined,
  ): Spec[] {
    return items.flatMap((item) => {
      const { id } = item;
      const known = earlier.find((spec) => spec.id === id);
      const spec = become(item, sourceOf(artifacts.get(id)) ?? (known === undefined ? standIns.get(id) : undefined));
      if (spec === undefined) held.add(id);
      return spec ?? known ?? [];
    });
  }
  const components = takeReady(wanted.components, before.components, componentOf);
  const providers = takeReady(wanted.providers, before.providers, providerOf);
  const there = new Set([...components, ...providers].map(({ id }) => id));
  const calls = new Set(components.map(({ id }) => id));
  // What a component imports is its own affair: it need not wait for another one that it calls.
  const isHeld = ({ source, target }: LinkSpec): boolean =>
    held.has(source) || (held.has(target) && !calls.has(source));
  const goesOn = (link: LinkSpec): boolean => isHeld(link) && there.has(link.source) && there.has(link.target);
  return {
    components,
    providers,
    links: [...wanted.links.filter((link) => !isHeld(link)), ...before.links.filter(goesOn)],
  };
}

function componentOf(component: WantedComponent, source: StandIn | undefined): ComponentSpec | undefined {
  const { image: _image, ...rest } = component;
  if (rest.file !== undefined) return { ...rest, file: rest.file };
  if (source === undefined) return undefined;
  // What the trust checks saw is what runs: a file that changes after them is not started.
  return { ...rest, file: source.file, digest: source.digest };
}

function providerOf(provider: WantedProvider, source: StandIn | undefined): ProviderSpec | undefined {
  const { image, ...spec } = provider;
  if (image === undefined) return spec;
  if (source === undefined) return undefined;
  const config = typeof spec.config === "object" ? spec.config : {};
  return { ...spec, config: { ...config, file: source.file, digest: source.digest } };
}

const sourceOf = (artifact: Artifact | undefined): StandIn | undefined =>
  artifact === undefined ? undefined : { file: artifact.file, digest: artifact.content };
