// Workloads that requests are for by the same name: replicas, and a new one that comes before the old one goes. Pure.

import type { LinkSpec } from "../../../domain/workload.ts";
import { HTTP_PROVIDER } from "./capabilities.ts";

/** A name leads to the workload that came last; when that goes, to the one before. `links` are in the order of their coming. */
export function newestHosts(links: readonly LinkSpec[]): LinkSpec[] {
  const taken = new Set<string>();
  return links
    .toReversed()
    .flatMap((link) => {
      if (link.source !== HTTP_PROVIDER) return [link];
      const { hosts } = link.config as { readonly hosts: readonly string[] }; // As the table of capabilities has it.
      const free = hosts.filter((host) => !taken.has(host.toLowerCase()));
      for (const host of free) taken.add(host.toLowerCase());
      return free.length === 0 ? [] : [{ ...link, config: { hosts: free } }];
    })
    .toReversed();
}
