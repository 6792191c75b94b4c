import type { BucketName } from "../backend.ts";

/** Names keep apart what a colon joins. */
const encode = (name: string): string => name.replaceAll("%", "%25").replaceAll(":", "%3A");

/** What the keys of a bucket begin with. */
export const prefixOf = (prefix: string, { namespace, identifier }: BucketName): string =>
  `${prefix}${encode(namespace)}:${encode(identifier)}:`;

/** A pattern for all that begins so, whatever its characters mean in a pattern. */
export const patternOf = (prefix: string): string => `${prefix.replaceAll(/[\\*?[\]^-]/g, String.raw`\$&`)}*`;
