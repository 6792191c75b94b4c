// What providers and links have of secrets: references become values at the last moment.

import { isDeepStrictEqual } from "node:util";
import { PetioleError } from "../domain/errors.ts";
import type { ComponentId, ComponentSpec, DesiredState, LinkEnd, LinkSpec, ProviderSpec } from "../domain/workload.ts";
import type { CapabilityFunctions } from "../provider/contract.ts";
import { componentSecrets } from "./component-secrets.ts";
import { fillReferences, findReferences } from "../lib/secret-references.ts";
import type { SecretValue } from "../domain/secret.ts";
import type { SecretRequest } from "./ports.ts";
import type { Secrets } from "./secrets.ts";

export interface SecretUse extends Disposable {
  /**
   * The state with a mark on each provider and link that uses secrets, another one when one of them has another value: so
   * what uses it is taken for changed, and nothing else. From now on these secrets are watched.
   */
  marked(desired: DesiredState): DesiredState;
  /** A configuration with values in place of references. @throws PetioleError ERR_SECRET_… */
  filled(asker: LinkEnd, config: unknown): Promise<unknown>;
  /** What a component has of `wasmcloud:secrets`. */
  served(component: ComponentSpec): CapabilityFunctions;
  conceal<T>(value: T): T;
}

export interface SecretListeners {
  /** What `marked` gives is something else now, or what was missing is there. */
  readonly onMark: () => void;
  /** Secrets of a component, by the names that it knows, have other values. */
  readonly onComponent: (component: ComponentId, names: readonly string[]) => void;
}

export function createSecretUse(secrets: Secrets | undefined, { onMark, onComponent }: SecretListeners): SecretUse {
  let watching: Disposable | undefined;

  /** What components have, to be watched, and to tell them what has changed. */
  function watchComponents(components: readonly ComponentSpec[]): Disposable {
    const stack = new DisposableStack();
    for (const { id, secrets: named = {} } of components) {
      const all = Object.entries(named).map(([name, reference]) => ({ name, request: { reference, asker: id } }));
      if (all.length === 0 || secrets === undefined) continue;
      const listen = (changed: readonly SecretRequest[]): void => {
        const names = all.filter(({ request }) => changed.some((one) => isDeepStrictEqual(one, request)));
        onComponent(
          id,
          names.map(({ name }) => name),
        );
      };
      stack.use(
        secrets.watch(
          all.map(({ request }) => request),
          listen,
        ),
      );
    }
    return stack;
  }

  const requestsOf = (asker: LinkEnd, config: unknown): SecretRequest[] =>
    findReferences(config).map(({ reference }) => ({ reference, asker }));

  return {
    marked(desired) {
      const used: SecretRequest[] = [];
      const mark = <Spec extends ProviderSpec | LinkSpec>(spec: Spec, asker: LinkEnd): Spec => {
        const requests = requestsOf(asker, spec.config);
        if (requests.length === 0 || secrets === undefined) return spec;
        used.push(...requests);
        return { ...spec, secrets: requests.map((request) => secrets.generation(request)).join() };
      };
      const providers = new Set(desired.providers.map(({ id }) => id));
      const next = {
        ...desired,
        providers: desired.providers.map((spec) => mark(spec, spec.id)),
        links: desired.links.map((spec) => mark(spec, providers.has(spec.target) ? spec.target : spec.source)),
      };
      const before = watching;
      const stack = new DisposableStack();
      if (secrets !== undefined) stack.use(secrets.watch(used, onMark));
      stack.use(watchComponents(desired.components));
      watching = stack;
      // Not before: what both want is not forgotten in between.
      before?.[Symbol.dispose]();
      return next;
    },

    async filled(asker, config) {
      const requests = requestsOf(asker, config);
      if (requests.length === 0) return config;
      const values = await Promise.all(requests.map(async (request) => await textOf(secrets, request)));
      const byReference = new Map(requests.map(({ reference }, index) => [reference, values[index]]));
      return fillReferences(config, (reference) => byReference.get(reference));
    },

    served: ({ id: asker, secrets: references = {} }) =>
      componentSecrets({ references, get: async (reference) => await valueOf(secrets, { reference, asker }) }),

    conceal: (value) => (secrets === undefined ? value : secrets.conceal(value)),

    [Symbol.dispose]: () => watching?.[Symbol.dispose](),
  };
}

async function textOf(secrets: Secrets | undefined, request: SecretRequest): Promise<string> {
  const value = await valueOf(secrets, request);
  if (typeof value === "string") return value;
  const what = request.reference.toString();
  throw new PetioleError("ERR_SECRET_INVALID", `Cannot use the ${what} in a configuration: it is no UTF-8 text`);
}

async function valueOf(secrets: Secrets | undefined, request: SecretRequest): Promise<SecretValue> {
  if (secrets !== undefined) return await secrets.get(request);
  const what = request.reference.toString();
  throw new PetioleError("ERR_SECRET_BACKEND", `Cannot use the ${what}: nothing here has secrets`);
}
