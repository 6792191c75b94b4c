// What can run of what is wanted, while images are still on their way. Pure.

import type {
  ComponentSpec,
  DesiredState,
  LinkEnd,
  LinkSpec,
  ProviderSpec,
  WantedComponent,
  WantedProvider,
  WantedState,
} from "../domain/workload.ts";
import type { Artifact } from "./ports.ts";

/**
 * The part of `wanted` that is on the device. What has an image that is not there yet goes on as `before` had it, with
 * its links, or is left out. Which reference an artifact came from makes no difference: the same bytes are no change.
 */
export function readyState(
  wanted: WantedState,
  artifacts: ReadonlyMap<LinkEnd, Artifact>,
  before: DesiredState,
): DesiredState {
  const held = new Set<LinkEnd>();
  function takeReady<Wanted extends { readonly id: string }, Spec extends { readonly id: string }>(
    items: readonly Wanted[],
    earlier: readonly Spec[],
    become: (item: Wanted, artifact: Artifact | undefined) => Spec | undefined,
  ): Spec[] {
    return items.flatMap((item) => {
      const spec = become(item, artifacts.get(item.id));
      if (spec === undefined) held.add(item.id);
      return spec ?? earlier.find(({ id }) => id === item.id) ?? [];
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

function componentOf(component: WantedComponent, artifact: Artifact | undefined): ComponentSpec | undefined {
  const { image: _image, ...rest } = component;
  if (rest.file !== undefined) return { ...rest, file: rest.file };
  if (artifact === undefined) return undefined;
  // What the trust checks saw is what runs: a file that changes after them is not started.
  return { ...rest, file: artifact.file, digest: artifact.content };
}

function providerOf(provider: WantedProvider, artifact: Artifact | undefined): ProviderSpec | undefined {
  const { image, ...spec } = provider;
  if (image === undefined) return spec;
  if (artifact === undefined) return undefined;
  const config = typeof spec.config === "object" ? spec.config : {};
  return { ...spec, config: { ...config, file: artifact.file, digest: artifact.content } };
}
