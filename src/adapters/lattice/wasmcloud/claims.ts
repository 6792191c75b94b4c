// The claims of the lattice's workloads, as the bucket has them and as clients ask for them. Pure.

import { z } from "zod";
import { parseStored } from "./wire.ts";

const text = z.string().nullish();
const record = z.object({
  call_alias: text,
  issuer: text,
  iss: text,
  name: text,
  revision: text,
  rev: text,
  subject: text,
  sub: text,
  tags: z.union([z.array(z.string()), z.string()]).nullish(),
  version: text,
  config_schema: text,
});

/** Keys are there twice, as clients of different age read different ones. */
export function claimsMaps(stored: readonly string[]): Record<string, string>[] {
  return stored.flatMap((value) => {
    const claims = parseStored(record, value);
    if (claims === undefined) return [];
    const issuer = claims.issuer ?? claims.iss ?? "";
    const revision = claims.revision ?? claims.rev ?? "";
    const subject = claims.subject ?? claims.sub ?? "";
    const common = {
      iss: issuer,
      issuer,
      name: claims.name ?? "",
      rev: revision,
      revision,
      sub: subject,
      subject,
      version: claims.version ?? "",
    };
    // Only components have either.
    const isComponent = typeof claims.call_alias === "string" || (claims.tags ?? undefined) !== undefined;
    const { tags } = claims;
    return [
      isComponent
        ? { ...common, call_alias: claims.call_alias ?? "", tags: Array.isArray(tags) ? tags.join(",") : (tags ?? "") }
        : { ...common, config_schema: claims.config_schema ?? "" },
    ];
  });
}
