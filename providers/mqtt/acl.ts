import type { BrokerConfig } from "./broker-config.ts";
import { covers, isShared, matchesTopic } from "./topic.ts";

/** What one client may do. */
export interface Rights {
  mayPublish(topic: string): boolean;
  maySubscribe(filter: string): boolean;
  /** Of what it may subscribe to: what waits in a session may have been for somebody else, or for other rights. */
  mayReceive(topic: string): boolean;
}

export interface Identity {
  /** Undefined for who has no name. */
  readonly username: string | undefined;
  readonly clientId: string;
}

type Grants = Pick<BrokerConfig["anonymous"], "publish" | "subscribe">;

/** Names of others' making: with wildcards or slashes in them they would widen a filter. */
const isPlain = (name: string): boolean => name !== "" && !/[/+#]/.test(name);

/** Nobody has a right to topics of the broker's own, which begin with `$`. */
export function rightsOf(grants: Grants, { username, clientId }: Identity): Rights {
  const fill = (filters: readonly string[]): readonly string[] =>
    filters.flatMap((filter) => {
      const values = { "%u": username ?? "", "%c": clientId };
      const used = Object.entries(values).filter(([place]) => filter.includes(place));
      if (used.some(([, value]) => !isPlain(value))) return [];
      return [used.reduce((text, [place, value]) => text.replaceAll(place, () => value), filter)];
    });
  const publish = fill(grants.publish);
  const subscribe = fill(grants.subscribe);
  return {
    mayPublish: (topic) => !topic.startsWith("$") && publish.some((filter) => matchesTopic(filter, topic)),
    mayReceive: (topic) => subscribe.some((filter) => matchesTopic(filter, topic)),
    maySubscribe: (filter) =>
      // This broker does not know shared subscriptions.
      !isShared(filter) && !filter.startsWith("$") && subscribe.some((wider) => covers(wider, filter)),
  };
}
