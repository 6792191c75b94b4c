// Links that have another provider than their source of desired state says, because somebody at the device swapped it. Pure.

import type { LinkSwap } from "../domain/link-swap.ts";
import type { ComponentId, LinkSpec, ProviderId, WantedState } from "../domain/workload.ts";
import { linkKey } from "./plan.ts";

/** A link between a component and a provider, as it is wanted and as it is with the swaps. */
export interface ProviderLink {
  readonly component: ComponentId;
  readonly wanted: LinkSpec;
  readonly link: LinkSpec;
  readonly provider: ProviderId;
  /** Undefined when it is as it is wanted. */
  readonly swap: LinkSwap | undefined;
}

/** What is wanted, with the swaps that fit a link of it and a provider of it. */
export function applySwaps(wanted: WantedState, swaps: readonly LinkSwap[]): WantedState {
  if (swaps.length === 0) return wanted;
  const swapped = new Map(providerLinks(wanted, swaps).map((one) => [one.wanted, one.link]));
  return { ...wanted, links: wanted.links.map((link) => swapped.get(link) ?? link) };
}

export function providerLinks(wanted: WantedState, swaps: readonly LinkSwap[]): ProviderLink[] {
  const components = new Set(wanted.components.map(({ id }) => id));
  const providers = new Set(wanted.providers.map(({ id }) => id));
  const byLink = new Map(swaps.map((swap) => [linkKey({ ...swap.of, config: undefined }), swap]));
  const taken = new Set(wanted.links.map(linkKey));
  return wanted.links.flatMap((link): ProviderLink[] => {
    const isImport = components.has(link.source) && providers.has(link.target);
    if (!isImport && !(providers.has(link.source) && components.has(link.target))) return [];
    const component = isImport ? link.source : link.target;
    const own = isImport ? link.target : link.source;
    const asWanted = { component, wanted: link, link, provider: own, swap: undefined };
    const swap = byLink.get(linkKey(link));
    if (swap === undefined || !providers.has(swap.to)) return [asWanted];
    const now = withProvider(asWanted, swap.to, swap.config);
    // The other provider may have such a link by now anyway.
    if (swap.to !== own && taken.has(linkKey(now))) return [asWanted];
    taken.add(linkKey(now));
    return [{ ...asWanted, link: now, provider: swap.to, swap }];
  });
}

/** The link with its component, and with another provider. */
export function withProvider({ component, wanted }: ProviderLink, provider: ProviderId, config: unknown): LinkSpec {
  return wanted.source === component
    ? { ...wanted, target: provider, config }
    : { ...wanted, source: provider, config };
}

/** The swaps once a link has another provider: none of it when that is the one that it is wanted with. */
export function withSwap(
  swaps: readonly LinkSwap[],
  { component, wanted }: ProviderLink,
  to: ProviderId,
  config: unknown,
): LinkSwap[] {
  const { name, source, target, interfaces } = wanted;
  const of = { name, source, target, interfaces };
  const others = swaps.filter((swap) => linkKey({ ...swap.of, config: undefined }) !== linkKey(wanted));
  const isAsWanted = to === (source === component ? target : source) && config === wanted.config;
  return isAsWanted ? others : [...others, { of, to, config }];
}
