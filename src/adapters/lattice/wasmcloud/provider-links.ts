// Links and configuration as a provider process is told of them. Pure.

import { mergeConfig, type ConfigLookup } from "./named-config.ts";
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
}

export const providerLink = (
  { source_id, target, name, wit_namespace, wit_package, interfaces, source_config, target_config }: Link,
  config: ConfigLookup,
): ProviderLink => ({
  source_id,
  target,
  name,
  wit_namespace,
  wit_package,
  interfaces,
  source_config: mergeConfig(source_config, config),
  target_config: mergeConfig(target_config, config),
});

/** As it travels: this host has no secrets for links. */
export const linkMessage = (link: ProviderLink) => ({ ...link, source_secrets: null, target_secrets: null });

/** Of a link that goes, the provider needs to know only which. */
export const linkRemoval = (link: ProviderLink) => linkMessage({ ...link, source_config: {}, target_config: {} });

/** What makes it this link and no other. */
export const linkIdentity = ({ source_id, target, name, wit_namespace, wit_package }: LinkEnds): string =>
  JSON.stringify([source_id, target, name, wit_namespace, wit_package]);
