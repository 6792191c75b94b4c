import { isDeepStrictEqual } from "node:util";
import type { ComponentSpec, DesiredState, LinkSpec, ProviderId, ProviderSpec } from "../domain/workload.ts";

/** What runs now, by the specifications it was started from. */
export interface ActualState extends DesiredState {
  /** What failed and must not be tried again yet. A changed specification is tried at once. */
  readonly held: DesiredState;
  /** Providers whose links hold what only one can hold: what takes the place of one of them comes after it. */
  readonly exclusive?: ReadonlySet<ProviderId> | undefined;
}

export type Step =
  /** Ends the calls of a component before anything that it needs goes. */
  | { readonly kind: "close-component"; readonly spec: ComponentSpec }
  | { readonly kind: "unbind"; readonly link: LinkSpec }
  /** Unbinds it once its successors are bound. If they are not it stays, unless it has to go `anyway`. */
  | {
      readonly kind: "release";
      readonly link: LinkSpec;
      readonly successors: readonly LinkSpec[];
      readonly anyway: boolean;
    }
  | { readonly kind: "stop-component"; readonly spec: ComponentSpec }
  | { readonly kind: "stop-provider"; readonly spec: ProviderSpec }
  | { readonly kind: "start-provider"; readonly spec: ProviderSpec }
  | { readonly kind: "start-component"; readonly spec: ComponentSpec }
  /** It may have other bytes now: a new version takes over from the one that runs. */
  | { readonly kind: "update-component"; readonly spec: ComponentSpec }
  | { readonly kind: "bind"; readonly link: LinkSpec }
  /** Lets other components and other hosts call it. */
  | { readonly kind: "open-component"; readonly spec: ComponentSpec };

/** Steps of one stage do not depend on each other; a stage starts when the one before it has ended. */
export type Stage = readonly Step[];

/**
 * The way from what runs to what should run. Deliveries end first and begin last, so that a component is never called
 * while what it needs is going away or not there yet. What is unchanged stays untouched.
 *
 * A link that others take the place of is there until they are bound, so that no call is without one.
 *
 * An end of a link that is in neither list of the desired state is on another host. A component's link to a component, or to
 * another host, stays while an end is replaced: it is bound again without having been unbound.
 */
export function plan(actual: ActualState, desired: DesiredState): Stage[] {
  const running = new Map(actual.components.map((spec) => [spec.id, spec]));
  const updates = desired.components.filter((spec) => isUpdate(running.get(spec.id), spec));
  const updating = new Set(updates.map((spec) => spec.id));
  const unchanged = actual.components.filter((spec) => !updating.has(spec.id));
  const other = desired.components.filter((spec) => !updating.has(spec.id));
  const components = compare(unchanged, other, (spec) => spec.id);
  const providers = compare(actual.providers, desired.providers, (spec) => spec.id);
  const links = compare(actual.links, desired.links, linkKey);

  const startProviders = without(providers.fresh, actual.held.providers);
  const startComponents = without(components.fresh, actual.held.components);
  const stopping = idsOf([...components.gone, ...providers.gone]);
  const starting = idsOf([...startProviders, ...startComponents]);
  const wanted = idsOf([...desired.components, ...desired.providers]);
  const areProviders = idsOf([...actual.providers, ...desired.providers]);
  const areComponents = idsOf(desired.components);
  const wereComponents = idsOf(actual.components);

  /** A component's link to whatever is no provider of this device: nothing of it ends when an end does. */
  const isLoose = (link: LinkSpec): boolean => areComponents.has(link.source) && !areProviders.has(link.target);
  const isTouched = ({ source, target }: LinkSpec): boolean =>
    [source, target].some((end) => stopping.has(end) || starting.has(end));
  const touched = actual.links.filter((link) => isTouched(link) && !isLoose(link));
  // One that is bound anew, such as with another configuration, has to be gone by then.
  const bound = new Set(links.fresh.map(linkKey));
  const isKept = (id: string): boolean => !stopping.has(id) && !starting.has(id);
  const successors = new Map(
    links.gone.flatMap((link): [LinkSpec, readonly LinkSpec[]][] => {
      const [component, provider] = wereComponents.has(link.source)
        ? [link.source, link.target]
        : [link.target, link.source];
      const canStay =
        isKept(component) &&
        (isKept(provider) || !wanted.has(provider)) &&
        !bound.has(linkKey(link)) &&
        actual.exclusive?.has(provider) !== true;
      const found = canStay ? successorsOf(link, component, desired.links) : [];
      return found.length === 0 ? [] : [[link, found]];
    }),
  );
  const unbound = new Set([...links.gone, ...touched]);
  for (const link of successors.keys()) unbound.delete(link);
  // What a version that runs imports is there until the next one has taken over.
  const imports = links.gone.filter(
    (link) =>
      updating.has(link.source) && !touched.includes(link) && !bound.has(linkKey(link)) && !successors.has(link),
  );
  for (const link of imports) unbound.delete(link);
  const releases = (isDelivery: boolean): Step[] =>
    [...successors]
      .filter(([link]) => wereComponents.has(link.source) !== isDelivery)
      .map(([link, found]) => ({ kind: "release", link, successors: found, anyway: touched.includes(link) }));
  const released = new Set([...successors.keys()].flatMap(({ source, target }) => [source, target]));
  const isReleased = ({ id }: ProviderSpec): boolean => released.has(id);

  const ready = new Set([
    ...starting,
    ...[...actual.providers, ...actual.components].map((spec) => spec.id).filter((id) => !stopping.has(id)),
  ]);
  const bindable = (link: LinkSpec): boolean =>
    isLoose(link)
      ? ready.has(link.source)
      : [link.source, link.target].every((end) => ready.has(end) || !wanted.has(end)) &&
        (ready.has(link.source) || ready.has(link.target));
  const again = [...unbound].filter((link) => includes(desired.links, link));
  const checked = desired.links.filter(
    (link) => isLoose(link) && isTouched(link) && includes(actual.links, link) && !unbound.has(link),
  );
  const binds = without([...links.fresh, ...again, ...checked], actual.held.links).filter(bindable);

  const stages: Stage[] = [
    // Deliveries first: a call that is still running needs its imports to the end.
    [...unbound].filter((link) => !wereComponents.has(link.source)).map((link) => ({ kind: "unbind", link })),
    ...closingOrder(components.gone, actual.links).map((specs): Stage =>
      specs.map((spec) => ({ kind: "close-component", spec })),
    ),
    [...unbound].filter((link) => wereComponents.has(link.source)).map((link) => ({ kind: "unbind", link })),
    components.gone.map((spec) => ({ kind: "stop-component", spec })),
    providers.gone.filter((spec) => !isReleased(spec)).map((spec) => ({ kind: "stop-provider", spec })),
    startProviders.map((spec) => ({ kind: "start-provider", spec })),
    binds.filter((link) => areComponents.has(link.source) && !isLoose(link)).map((link) => ({ kind: "bind", link })),
    [
      ...startComponents.map((spec) => ({ kind: "start-component", spec }) as const),
      ...updates.map((spec) => ({ kind: "update-component", spec }) as const),
    ],
    imports.map((link) => ({ kind: "unbind", link })),
    binds.filter(isLoose).map((link) => ({ kind: "bind", link })),
    releases(false),
    startComponents.map((spec) => ({ kind: "open-component", spec })),
    binds.filter((link) => !areComponents.has(link.source)).map((link) => ({ kind: "bind", link })),
    releases(true),
    providers.gone.filter(isReleased).map((spec) => ({ kind: "stop-provider", spec })),
  ];
  return stages.filter((stage) => stage.length > 0);
}

/** What does for `component` all that a link did; nothing when that is not the case. */
function successorsOf(link: LinkSpec, component: string, desired: readonly LinkSpec[]): readonly LinkSpec[] {
  if (link.source === component) {
    const found = desired.filter(
      ({ source, interfaces }) => source === component && interfaces.some((name) => link.interfaces.includes(name)),
    );
    return link.interfaces.every((name) => found.some(({ interfaces }) => interfaces.includes(name))) ? found : [];
  }
  // Many may deliver to a component: only one that does so in the same way, from elsewhere, is meant to do so instead.
  const asBefore = (other: LinkSpec): boolean => linkKey({ ...other, source: link.source }) === linkKey(link);
  const found = desired.filter((other) => other.source !== link.source && asBefore(other));
  return found.length === 1 ? found : [];
}

/** Whether a component that runs may be wanted with other bytes. */
function isUpdate(running: ComponentSpec | undefined, wanted: ComponentSpec): boolean {
  const source = ({ file, digest, signedName, update }: ComponentSpec) => ({ file, digest, signedName, update });
  return running !== undefined && !isDeepStrictEqual(source(running), source(wanted));
}

/** Those that call others before those that they call; in a circle, all at once. */
function closingOrder(gone: readonly ComponentSpec[], links: readonly LinkSpec[]): ComponentSpec[][] {
  const stages: ComponentSpec[][] = [];
  let left = [...gone];
  while (left.length > 0) {
    const ids = idsOf(left);
    const called = new Set(links.filter(({ source }) => ids.has(source)).map(({ target }) => target));
    const free = left.filter(({ id }) => !called.has(id));
    const next = free.length > 0 ? free : left;
    stages.push(next);
    left = left.filter((spec) => !next.includes(spec));
  }
  return stages;
}

const idsOf = (specs: readonly { readonly id: string }[]): Set<string> => new Set(specs.map(({ id }) => id));

/** What a link is, apart from its configuration. */
export function linkKey(link: LinkSpec): string {
  return JSON.stringify([link.source, link.target, link.name, [...link.interfaces].sort()]);
}

interface Difference<T> {
  /** Running, and no longer wanted as it is. */
  readonly gone: readonly T[];
  /** Wanted, and not running as it should be. */
  readonly fresh: readonly T[];
}

function compare<T>(actual: readonly T[], desired: readonly T[], key: (spec: T) => string): Difference<T> {
  const wanted = new Map(desired.map((spec) => [key(spec), spec]));
  const running = new Map(actual.map((spec) => [key(spec), spec]));
  return {
    gone: actual.filter((spec) => !isDeepStrictEqual(wanted.get(key(spec)), spec)),
    fresh: desired.filter((spec) => !isDeepStrictEqual(running.get(key(spec)), spec)),
  };
}

function without<T>(specs: readonly T[], held: readonly T[]): T[] {
  return specs.filter((spec) => !includes(held, spec));
}

function includes<T>(specs: readonly T[], one: T): boolean {
  return specs.some((spec) => isDeepStrictEqual(spec, one));
}
