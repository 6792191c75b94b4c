// What providers and links have of secrets: references become values at the last moment.

import { PetioleError } from "../domain/errors.ts";
import type { DesiredState, LinkEnd, LinkSpec, ProviderSpec } from "../domain/workload.ts";
import { fillReferences, findReferences } from "../lib/secret-references.ts";
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
  conceal<T>(value: T): T;
}

/** `onChange`: what `marked` gives is something else now, or what was missing is there. */
export function createSecretUse(secrets: Secrets | undefined, onChange: () => void): SecretUse {
  let watching: Disposable | undefined;

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
      watching = secrets?.watch(used, onChange);
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

    conceal: (value) => (secrets === undefined ? value : secrets.conceal(value)),

    [Symbol.dispose]: () => watching?.[Symbol.dispose](),
  };
}

async function textOf(secrets: Secrets | undefined, request: SecretRequest): Promise<string> {
  const what = request.reference.toString();
  if (secrets === undefined) {
    throw new PetioleError("ERR_SECRET_BACKEND", `Cannot use the ${what}: nothing here has secrets`);
  }
  const value = await secrets.get(request);
  if (typeof value === "string") return value;
  throw new PetioleError("ERR_SECRET_INVALID", `Cannot use the ${what} in a configuration: it is no UTF-8 text`);
}
