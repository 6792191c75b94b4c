// Which of petiole's providers serves which interface of a workload. Pure; the one place where an interface is added.

import type { ProviderSpec } from "../../../domain/workload.ts";
import { subscriptionsOf, type Settings } from "./subscriptions.ts";
import { CONTROL_SUBJECTS } from "./subjects.ts";
import type { OfferedInterface, WitInterface } from "./wire.ts";

/** One component that uses an interface, and how it is declared. */
export interface Use {
  readonly namespace: string;
  readonly workload: string;
  readonly component: string;
  /** Of the entry. */
  readonly entry: WitInterface;
  /** Of the component itself. */
  readonly settings: Settings;
  /** Where the device takes HTTP requests for workloads; undefined when it does not. */
  readonly httpListen: string | undefined;
}

/** The provider's side of a link. */
export interface Service {
  readonly provider: ProviderSpec;
  readonly config: unknown;
}

/** `idle`: there is nothing to be linked, and that is no fault. */
export type Found = { readonly service: Service } | { readonly idle: true } | { readonly problem: string };

interface Capability {
  readonly namespace: string;
  readonly package: string;
  readonly version: string;
  /** What components may import, and what is called on them. */
  readonly imports: readonly string[];
  readonly exports: readonly string[];
  /** Without it, the runtime serves the interfaces by itself. */
  readonly find?: (use: Use) => Found;
}

/** Ids of the providers that workloads share; those of the configuration file cannot have them. */
const provider = (name: string, type: string, config: unknown = {}): ProviderSpec => ({
  id: `operator-${name}`,
  type,
  config,
});

const HTTP = "http";
/** A name that requests are for leads to one component. */
export const HTTP_PROVIDER = provider(HTTP, "http-server").id;

export const CAPABILITIES: readonly Capability[] = [
  {
    namespace: "wasi",
    package: "keyvalue",
    version: "0.2.0-draft",
    imports: ["store", "atomics"],
    exports: [],
    find: ({ namespace, entry }) => {
      // Workloads come and go with each change of theirs: what they stored is kept by the name of their namespace.
      const config = { namespace: [namespace, entry.name].filter((part) => part !== "").join(":") };
      const backend = entry.config["backend"] ?? (entry.name === "" ? undefined : "in-memory");
      if (backend === undefined) return { service: { provider: provider("keyvalue", "keyvalue-sqlite"), config } };
      if (backend === "in-memory") {
        return { service: { provider: provider("keyvalue-memory", "keyvalue-memory"), config } };
      }
      return { problem: `this host has no backend ${JSON.stringify(backend.slice(0, 100))} for it, only in-memory` };
    },
  },
  {
    namespace: "wasmcloud",
    package: "messaging",
    version: "0.2.0",
    imports: ["consumer"],
    exports: ["handler"],
    find: ({ namespace, workload, component, entry, settings }) => {
      if (entry.name !== "") return { problem: "this host has one messaging, which is not named" };
      const wanted = subscriptionsOf(settings, entry.config, { namespace, workload, component });
      if ("problem" in wanted) return wanted;
      const config = { subscriptions: wanted.subscriptions, deny: CONTROL_SUBJECTS };
      return { service: { provider: provider("messaging", "messaging-nats", { side: "hub" }), config } };
    },
  },
  {
    namespace: "wasi",
    package: "http",
    version: "0.2.2",
    imports: ["outgoing-handler", "types"],
    exports: ["incoming-handler"],
    find: ({ entry, httpListen }) => {
      const host = entry.config["host"] ?? "";
      if (!isHostName(host)) {
        return { problem: `its host is ${JSON.stringify(host.slice(0, 100))}, want the name that requests are for` };
      }
      if (httpListen === undefined) return { idle: true };
      const aliases = (entry.config["host-aliases"] ?? "").split(",").map((name) => name.trim());
      const hosts = [...new Set([host, ...aliases.filter(isHostName)])];
      return { service: { provider: provider(HTTP, "http-server", { listen: httpListen }), config: { hosts } } };
    },
  },
  { namespace: "wasi", package: "config", version: "0.2.0-rc.1", imports: ["store"], exports: [] },
  { namespace: "wasi", package: "logging", version: "0.1.0-draft", imports: ["logging"], exports: [] },
];

/** What serves an interface of a declared entry; undefined when nothing of this host does. */
export function capabilityOf(entry: WitInterface, name: string, side: "imports" | "exports"): Capability | undefined {
  return CAPABILITIES.find(
    (one) =>
      one.namespace === entry.namespace &&
      one.package === entry.package &&
      one[side].includes(name) &&
      sameRelease(one.version, entry.version),
  );
}

/** An entry without a version is for any. Before 1.0, the first two numbers make the difference. */
export const sameRelease = (ours: string, theirs: string): boolean =>
  theirs === "" || ours.split(".", 2).join(".") === theirs.split(".", 2).join(".");

/** RFC 1123. */
const isHostName = (name: string): boolean =>
  name.length <= 253 &&
  /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/.test(name);

/** What the host says that it has. */
export function offered(side: "imports" | "exports"): OfferedInterface[] {
  return CAPABILITIES.filter((one) => one[side].length > 0).map(({ namespace, package: name, version, ...sides }) => ({
    namespace,
    package: name,
    version,
    interfaces: sides[side],
  }));
}
