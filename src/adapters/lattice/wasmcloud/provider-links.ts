// Links and configuration as a provider process is told of them. Pure.

import type { SecretReference } from "../../../domain/secret.ts";
import { mergeConfig, secretsAmong, type NamedLookup } from "./named-config.ts";
import type { Link, LinkEnds } from "./wire.ts";

type Texts = Readonly<Record<string, string>>;

/** A link as a provider sees it: with the configurations of both ends, merged. */
export interface ProviderLink {
  readonly source_id: string;
  readonly target: string;
  readonly name: string;
  readonly wit_namespace: string;
  readonly wit_package: string;
  readonly interfaces: readonly string[];
  readonly source_config: Texts;
  readonly target_config: Texts;
  /** Of both ends, by the names that the provider knows. */
  readonly source_secrets?: References | undefined;
  readonly target_secrets?: References | undefined;
}

type References = Readonly<Record<string, SecretReference>>;

export const providerLink = (
  { source_id, target, name, wit_namespace, wit_package, interfaces, source_config, target_config }: Link,
  lookup: NamedLookup,
): ProviderLink => ({
  source_id,
  target,
  name,
  wit_namespace,
  wit_package,
  interfaces,
  source_config: mergeConfig(source_config, lookup.config),
  target_config: mergeConfig(target_config, lookup.config),
  source_secrets: someOf(secretsAmong(source_config, lookup)),
  target_secrets: someOf(secretsAmong(target_config, lookup)),
});

const someOf = (references: References): References | undefined =>
  Object.keys(references).length === 0 ? undefined : references;

/** The secrets of a link, sealed for one provider. */
export interface SealedSecrets {
  readonly source: readonly number[] | null;
  readonly target: readonly number[] | null;
}

const NOTHING_SEALED: SealedSecrets = { source: null, target: null };

/** As it travels. */
export const linkMessage = (
  { source_id, target, name, wit_namespace, wit_package, interfaces, source_config, target_config }: ProviderLink,
  sealed = NOTHING_SEALED,
) => ({
  source_id,
  target,
  name,
  wit_namespace,
  wit_package,
  interfaces,
  source_config,
  target_config,
  source_secrets: sealed.source,
  target_secrets: sealed.target,
});

/** Of a link that goes, the provider needs to know only which. */
export const linkRemoval = (link: ProviderLink) => linkMessage({ ...link, source_config: {}, target_config: {} });

/** What makes it this link and no other. */
export const linkIdentity = ({ source_id, target, name, wit_namespace, wit_package }: LinkEnds): string =>
  JSON.stringify([source_id, target, name, wit_namespace, wit_package]);
