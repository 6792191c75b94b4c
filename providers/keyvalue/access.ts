import { WitError, type LinkContext } from "#provider";
import type { BucketName } from "./backend.ts";
import type { LinkConfig } from "./config.ts";
import { other } from "./wit-errors.ts";

/** What a link lets its component do. Everything throws the component's `err`. */
export interface Access {
  /** Checked at every use: the link may have changed since the bucket was opened. */
  named(identifier: string): BucketName;
  checkKey(key: string): void;
  checkValue(value: Uint8Array): void;
  /** The bucket and the key, both checked. */
  place(identifier: string, key: string): [BucketName, string];
}

/** An identifier without a list of those granted is bounded as the names in such a list are. */
const MAX_IDENTIFIER = 128;

export function createAccess({ component, config }: LinkContext<LinkConfig>): Access {
  const { buckets, max_key, max_value } = config;
  const namespace = config.namespace ?? component;

  const named = (identifier: string): BucketName => {
    if (identifier === "" || identifier.length > MAX_IDENTIFIER) throw new WitError({ tag: "no-such-store" });
    if (buckets !== undefined && !buckets.includes(identifier)) throw new WitError({ tag: "access-denied" });
    return { namespace, identifier };
  };
  const checkKey = (key: string): void => {
    if (key === "") throw other("a key is not empty");
    if (Buffer.byteLength(key) > max_key) throw other(`a key has at most ${max_key} bytes`);
  };
  return {
    named,
    checkKey,
    checkValue: (value) => {
      if (value.byteLength > max_value) throw other(`a value has at most ${max_value} bytes`);
    },
    place: (identifier, key) => {
      checkKey(key);
      return [named(identifier), key];
    },
  };
}
