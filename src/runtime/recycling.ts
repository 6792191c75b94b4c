import type { Millis } from "../domain/units.ts";
import type { Recycling } from "../domain/workload.ts";

/** What is known of an instance between two calls. */
export interface InstanceFacts {
  readonly calls: number;
  readonly age: Millis;
  /** Linear memory in bytes, all memories together. */
  readonly memory: number;
}

/** Why an instance that works is to be replaced; undefined when it is good for further calls. */
export function planRecycling(facts: InstanceFacts, rules: Recycling): keyof Recycling | undefined {
  if (rules.calls !== undefined && facts.calls >= rules.calls) return "calls";
  if (rules.memory !== undefined && facts.memory >= rules.memory) return "memory";
  if (rules.age !== undefined && facts.age >= rules.age) return "age";
  return undefined;
}
