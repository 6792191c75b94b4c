// `wasmcloud:secrets` for components. A secret crosses as its name: the value goes over when it is revealed.

import { WitError, isPetioleError } from "../domain/errors.ts";
import type { SecretReference, SecretValue } from "../domain/secret.ts";
import type { CapabilityFunctions } from "../provider/contract.ts";

export interface ComponentSecretsDeps {
  /** What the component may have, by the names that it knows. */
  readonly references: Readonly<Record<string, SecretReference>>;
  /** @throws PetioleError ERR_SECRET_… */
  readonly get: (reference: SecretReference) => Promise<SecretValue>;
}

export function componentSecrets({ references, get }: ComponentSecretsDeps): CapabilityFunctions {
  const find = (name: string): SecretReference => {
    const found = Object.hasOwn(references, name) ? references[name] : undefined;
    if (found === undefined) throw new WitError({ tag: "not-found" });
    return found;
  };
  return {
    "wasmcloud:secrets/store": {
      get: async (name: string) => {
        try {
          await get(find(name));
          return name;
        } catch (error) {
          if (!isPetioleError(error)) throw error;
          // Where it is, and why it is not to be had, is not the component's business.
          throw new WitError(
            error.code === "ERR_SECRET_NOT_FOUND" ? { tag: "not-found" } : { tag: "upstream", val: error.code },
          );
        }
      },
    },
    "wasmcloud:secrets/reveal": {
      reveal: async (name: string) => {
        const value = await get(find(name));
        return typeof value === "string" ? { tag: "string", val: value } : { tag: "bytes", val: value };
      },
    },
  };
}
