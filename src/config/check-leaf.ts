// Faults in what a configuration says about local clients of the leaf node: what its keys mean for each other.

import { isSubjectFilter, overlaps } from "../domain/subject.ts";
import { asRecord } from "./check.ts";
import type { ConfigFault } from "./yaml-source.ts";

const LOOPBACK = /^(127\.|\[::1\]|localhost:)/;

export function checkLeaf(raw: unknown): ConfigFault[] {
  const document = asRecord(raw);
  const leaf = asRecord(document["leaf"]);
  const local = asRecord(leaf["local"]);
  const faults: ConfigFault[] = [];
  const hub = document["hub"] === undefined ? undefined : asRecord(document["hub"]);
  if (leaf["local"] !== undefined && (hub === undefined || hub["mode"] === "direct")) {
    const why = hub === undefined ? "without a hub" : "in direct mode";
    faults.push({ path: ["leaf", "local"], message: `there is no local nats-server ${why}` });
  }
  const { listen } = leaf;
  const users = Array.isArray(local["users"]) ? local["users"].length : 0;
  if (typeof listen === "string" && !LOOPBACK.test(listen) && users === 0) {
    const message = "want a loopback address, or users in leaf.local.users: everybody else could log in";
    faults.push({ path: ["leaf", "listen"], message });
  }
  return [...faults, ...checkGrants(local), ...checkIntake(local)];
}

/** What crosses in both directions would go round in circles, and a nats-server does not start with it. */
function checkGrants(local: Readonly<Record<string, unknown>>): ConfigFault[] {
  const grants = asRecord(local["grants"]);
  const [up, down] = [filters(grants["publish"]), filters(grants["subscribe"])];
  return down.flatMap(({ subject, index }) => {
    const other = up.find((one) => overlaps(one.subject, subject));
    if (other === undefined) return [];
    const message = `"${subject}" and publish[${other.index}] "${other.subject}" have subjects in common`;
    return [{ path: ["leaf", "local", "grants", "subscribe", index], message }];
  });
}

/** A message is taken in once. */
function checkIntake(local: Readonly<Record<string, unknown>>): ConfigFault[] {
  const routes = Array.isArray(local["outbox"]) ? local["outbox"].map((route) => asRecord(route)["subject"]) : [];
  const known = filters(routes);
  return known.flatMap(({ subject, index }, i) => {
    const earlier = known.slice(0, i).find((one) => overlaps(one.subject, subject));
    if (earlier === undefined) return [];
    const message = `"${subject}" and outbox[${earlier.index}] "${earlier.subject}" have subjects in common`;
    return [{ path: ["leaf", "local", "outbox", index, "subject"], message }];
  });
}

function filters(value: unknown): { readonly subject: string; readonly index: number }[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((subject: unknown, index) =>
    typeof subject === "string" && isSubjectFilter(subject) ? [{ subject, index }] : [],
  );
}
