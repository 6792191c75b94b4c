// The secrets of links, as a provider process is told of them: sealed by the host for this process alone.

import type { nkeys } from "@nats-io/transport-node";
import type { SecretReference, SecretValue } from "../../../domain/secret.ts";
import type { SecretRequest } from "../../../host/ports.ts";
import type { Secrets } from "../../../host/secrets.ts";
import type { Logger } from "../../../lib/log.ts";
import { reasonOf } from "../../../lib/reason.ts";
import { linkIdentity, type ProviderLink, type SealedSecrets } from "../wasmcloud/provider-links.ts";

/** As wasmCloud has it. */
export type WireSecret =
  | { readonly kind: "String"; readonly value: string }
  | { readonly kind: "Bytes"; readonly value: readonly number[] };

/** A link with the values that it has now. */
export interface KnownLink extends ProviderLink {
  readonly values?: { readonly source: WireSecrets | undefined; readonly target: WireSecrets | undefined };
}

type HostKey = Pick<ReturnType<typeof nkeys.createCurve>, "seal">;
type WireSecrets = Readonly<Record<string, WireSecret>>;
type References = Readonly<Record<string, SecretReference>>;

export const wireSecret = (value: SecretValue): WireSecret =>
  typeof value === "string" ? { kind: "String", value } : { kind: "Bytes", value: [...value] };

/** What a process is sent in place of the values. */
export function sealSecrets(values: KnownLink["values"], host: HostKey, recipient: string): SealedSecrets {
  const seal = (side: WireSecrets | undefined): readonly number[] | null =>
    side === undefined ? null : [...host.seal(new TextEncoder().encode(JSON.stringify(side)), recipient)];
  return { source: seal(values?.source), target: seal(values?.target) };
}

export interface LinkSecrets extends Disposable {
  /** The links with their values. One whose secrets are not to be had is left out until they are. */
  known(links: readonly ProviderLink[]): Promise<KnownLink[]>;
}

export interface LinkSecretsDeps {
  /** Who is linked. */
  readonly provider: string;
  readonly secrets: Pick<Secrets, "get" | "watch"> | undefined;
  /** A link has other values now, or has them at last. */
  readonly onChange: () => void;
  readonly log: Logger;
}

export function createLinkSecrets({ provider, secrets, onChange, log }: LinkSecretsDeps): LinkSecrets {
  let watched = "[]";
  let watching: Disposable | undefined;
  const failures = new Map<string, string>();

  function watch(requests: readonly SecretRequest[]): void {
    const key = JSON.stringify(requests);
    if (key === watched || secrets === undefined) return;
    const before = watching;
    watching = secrets.watch(requests, onChange);
    watched = key;
    before?.[Symbol.dispose]();
  }

  async function valuesOf(references: References | undefined): Promise<WireSecrets | undefined> {
    if (references === undefined || secrets === undefined) return undefined;
    const entries = Object.entries(references).map(
      async ([name, reference]) => [name, wireSecret(await secrets.get({ reference, asker: provider }))] as const,
    );
    return Object.fromEntries(await Promise.all(entries));
  }

  async function withValues(link: ProviderLink): Promise<KnownLink[]> {
    if (link.source_secrets === undefined && link.target_secrets === undefined) return [link];
    const identity = linkIdentity(link);
    try {
      const [source, target] = await Promise.all([valuesOf(link.source_secrets), valuesOf(link.target_secrets)]);
      failures.delete(identity);
      return [{ ...link, values: { source, target } }];
    } catch (error) {
      const reason = reasonOf(error);
      if (failures.get(identity) !== reason) {
        failures.set(identity, reason);
        log.warn("A link waits for its secrets", { source: link.source_id, target: link.target, reason });
      }
      return [];
    }
  }

  return {
    async known(links) {
      watch(
        links
          .flatMap((link) => [link.source_secrets, link.target_secrets])
          .flatMap((references) => Object.values(references ?? {}))
          .map((reference) => ({ reference, asker: provider })),
      );
      return (await Promise.all(links.map(withValues))).flat();
    },
    [Symbol.dispose]: () => watching?.[Symbol.dispose](),
  };
}
