// What a running provider has to hear about its links. Pure.

import { isDeepStrictEqual } from "node:util";
import { linkIdentity, type ProviderLink } from "../wasmcloud/provider-links.ts";

export interface LinkChanges<Link> {
  readonly gone: readonly Link[];
  readonly fresh: readonly Link[];
}

/**
 * From the links that a provider has to those that it is to have. One that is not the same any more goes and comes again:
 * providers take no notice of a link that they think they have.
 */
export function linkChanges<Link extends ProviderLink>(
  has: readonly Link[],
  wants: readonly Link[],
): LinkChanges<Link> {
  const before = new Map(has.map((link) => [linkIdentity(link), link]));
  const after = new Map(wants.map((link) => [linkIdentity(link), link]));
  const differs = (link: Link, other: Link | undefined): boolean => !isDeepStrictEqual(link, other);
  return {
    gone: [...before].filter(([key, link]) => differs(link, after.get(key))).map(([, link]) => link),
    fresh: [...after].filter(([key, link]) => differs(link, before.get(key))).map(([, link]) => link),
  };
}
