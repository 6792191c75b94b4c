// The control planes are out of reach also by a provider of the device itself that speaks NATS. Pure.

import { CONTROL_SUBJECTS } from "./subjects.ts";
import { overhearing } from "./subscriptions.ts";

type Config = Readonly<Record<string, unknown>>;

/** What the provider finds wrong with it is left for the provider to say. */
export function guardedConfig(config: Config): { readonly config: Config } | { readonly problem: string } {
  const { subscriptions, deny = [] } = config;
  for (const one of Array.isArray(subscriptions) ? (subscriptions as unknown[]) : []) {
    if (typeof one !== "object" || one === null || !("subject" in one) || typeof one.subject !== "string") continue;
    // Of a durable one, it is what follows the device.
    if ("durable" in one && one.durable === true) continue;
    const problem = overhearing(one.subject);
    if (problem !== undefined) return { problem };
  }
  return { config: Array.isArray(deny) ? { ...config, deny: [...CONTROL_SUBJECTS, ...(deny as unknown[])] } : config };
}
