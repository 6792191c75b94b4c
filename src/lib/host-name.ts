import { isIP } from "node:net";

/** One spelling for each host: lower case, no final dot, addresses without brackets and in their shortest form. */
export function normalHost(host: string): string {
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  if (isIP(bare) !== 6) return bare.toLowerCase().replace(/\.$/, "");
  // The parser of URLs writes every address in one way; zones are no part of it.
  return URL.parse(`http://[${bare.replace(/%.*$/, "")}]`)?.hostname.slice(1, -1) ?? bare;
}
