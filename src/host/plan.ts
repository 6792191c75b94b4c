import { isDeepStrictEqual } from "node:util";
import type { ComponentSpec, DesiredState, LinkSpec, ProviderSpec } from "../domain/workload.ts";

/** What runs now, by the specifications it was started from. */
export interface ActualState extends DesiredState {
  /** What failed and must not be tried again yet. A changed specification is tried at once. */
  readonly held: DesiredState;
}

export type Step =
  | { readonly kind: "unbind"; readonly link: LinkSpec }
  | { readonly kind: "stop-component"; readonly spec: ComponentSpec }
  | { readonly kind: "stop-provider"; readonly spec: ProviderSpec }
  | { readonly kind: "start-provider"; readonly spec: ProviderSpec }
  | { readonly kind: "start-component"; readonly spec: ComponentSpec }
  /** It may have other bytes now: a new version takes over from the one that runs. */
  | { readonly kind: "update-component"; readonly spec: ComponentSpec }
  | { readonly kind: "bind"; readonly link: LinkSpec };

/** Steps of one stage do not depend on each other; a stage starts when the one before it has ended. */
export type Stage = readonly Step[];

/**
 * The way from what runs to what should run. Deliveries end first and begin last, so that a component is never called
 * while what it needs is going away or not there yet. What is unchanged stays untouched.
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

  const stopping = new Set([...components.gone, ...providers.gone].map((spec) => spec.id));
  const touched = actual.links.filter((link) => stopping.has(link.source) || stopping.has(link.target));
  const unbound = new Set([...links.gone, ...touched]);
  // What a version that runs imports is there until the next one has taken over.
  const imports = links.gone.filter((link) => updating.has(link.source) && !touched.includes(link));
  for (const link of imports) unbound.delete(link);

  const startProviders = without(providers.fresh, actual.held.providers);
  const startComponents = without(components.fresh, actual.held.components);
  const ready = new Set([
    ...[...startProviders, ...startComponents].map((spec) => spec.id),
    ...[...actual.providers, ...actual.components].map((spec) => spec.id).filter((id) => !stopping.has(id)),
  ]);
  const bindable = (link: LinkSpec): boolean => ready.has(link.source) && ready.has(link.target);
  const again = [...unbound].filter((link) => includes(desired.links, link));
  const binds = without([...links.fresh, ...again], actual.held.links).filter(bindable);
  const isComponent = new Set(desired.components.map((spec) => spec.id));

  const wasComponent = new Set(actual.components.map((spec) => spec.id));

  const stages: Stage[] = [
    // Deliveries first: a call that is still running needs its imports to the end.
    [...unbound].filter((link) => !wasComponent.has(link.source)).map((link) => ({ kind: "unbind", link })),
    [...unbound].filter((link) => wasComponent.has(link.source)).map((link) => ({ kind: "unbind", link })),
    components.gone.map((spec) => ({ kind: "stop-component", spec })),
    providers.gone.map((spec) => ({ kind: "stop-provider", spec })),
    startProviders.map((spec) => ({ kind: "start-provider", spec })),
    binds.filter((link) => isComponent.has(link.source)).map((link) => ({ kind: "bind", link })),
    [
      ...startComponents.map((spec) => ({ kind: "start-component", spec }) as const),
      ...updates.map((spec) => ({ kind: "update-component", spec }) as const),
    ],
    imports.map((link) => ({ kind: "unbind", link })),
    binds.filter((link) => !isComponent.has(link.source)).map((link) => ({ kind: "bind", link })),
  ];
  return stages.filter((stage) => stage.length > 0);
}

/** Whether a component that runs may be wanted with other bytes. */
function isUpdate(running: ComponentSpec | undefined, wanted: ComponentSpec): boolean {
  const source = ({ file, digest, signedName, update }: ComponentSpec) => ({ file, digest, signedName, update });
  return running !== undefined && !isDeepStrictEqual(source(running), source(wanted));
}

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
