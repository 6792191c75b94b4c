// What a component of a workload wants to hear, from the operator's settings to those of the provider. Pure.

import { overheard } from "./subjects.ts";

export interface Subscription {
  readonly subject: string;
  readonly queue?: string;
}

export interface SubscriptionNames {
  readonly namespace: string;
  readonly workload: string;
  readonly component: string;
}

/** The settings of the component go before those of the interface. */
export type Settings = Readonly<Record<string, string>>;

const MAX_GROUP = 128;
const BROADCAST = "broadcast";

/** Undefined for subjects that the component did not ask for: then it hears nothing. */
export function subscriptionsOf(
  own: Settings,
  shared: Settings,
  names: SubscriptionNames,
): { readonly subscriptions: readonly Subscription[] } | { readonly problem: string } {
  const setting = (name: string): string | undefined => own[name] ?? shared[name];
  const subjects = (setting("subscriptions") ?? "")
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
  for (const subject of subjects) {
    const problem = overhearing(subject);
    if (problem !== undefined) return { problem };
  }
  const group = setting("consumer_group");
  if (group !== undefined && (group === "" || /[\s*>]/.test(group))) {
    return {
      problem: `consumer_group ${JSON.stringify(group.slice(0, 100))}: want a name without white space, * and >`,
    };
  }
  const queue = group === BROADCAST ? undefined : (group ?? defaultGroup(names));
  return { subscriptions: subjects.map((subject) => (queue === undefined ? { subject } : { subject, queue })) };
}

/** What is wrong with a subscription that would hear what is for no workload. */
export function overhearing(subject: string): string | undefined {
  const found = overheard(subject);
  if (found === undefined) return undefined;
  const quoted = JSON.stringify(subject.slice(0, 100));
  return `subscriptions ${quoted}: it would hear what goes to ${JSON.stringify(found)}, which is no workload's`;
}

/** As other hosts call it, so that all of them share the messages. */
export function defaultGroup({ namespace, workload, component }: SubscriptionNames): string {
  const parts = [namespace, workload, component];
  const suffix = fnv1a64(parts.join("\0")).toString(16).padStart(16, "0");
  const readable = `wasmcloud.${parts.map((part) => part.replaceAll(/[^A-Za-z0-9_-]/g, "-")).join(".")}`;
  return `${readable.slice(0, MAX_GROUP - suffix.length - 1)}.${suffix}`;
}

function fnv1a64(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}
