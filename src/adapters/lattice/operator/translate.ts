// From a workload of the operator to what should run on this device. Pure.

import { createHash } from "node:crypto";
import { parseReference, formatReference } from "../../../domain/artifact-reference.ts";
import { parseWitName, unversioned, type WitName } from "../../../domain/wit-name.ts";
import type { Digest, FolderGrant, LinkSpec, ProviderSpec } from "../../../domain/workload.ts";
import { capabilityOf, sameRelease, type Found } from "./capabilities.ts";
import { guardedConfig } from "./guarded-config.ts";
import { networkPolicy } from "./network-policy.ts";
import { exporterOf, findCycle } from "./siblings.ts";
import { structuredConfig } from "../../../lib/structured-config.ts";
import { volumeFolders } from "./volumes.ts";
import type { LocalResources, WireComponent, WitInterface, Workload } from "./wire.ts";

/** The bytes of one component, once they are on the device. */
export interface ResolvedImage {
  readonly content: Digest;
  /** Interfaces that somebody has to serve, and that somebody may call, as the component names them. */
  readonly imports: readonly string[];
  readonly exports: readonly string[];
}

export interface TranslatedComponent {
  readonly id: string;
  /** What the workload calls it. */
  readonly name: string;
  /** As `formatReference` spells it. */
  readonly image: string;
  readonly digest: Digest;
  readonly config: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  /** Undefined for what the device gives. */
  readonly memory: number | undefined;
  readonly instances: number;
  readonly recycleCalls: number | undefined;
  readonly folders: readonly FolderGrant[];
  readonly network: readonly string[];
}

export interface Translation {
  readonly components: readonly TranslatedComponent[];
  readonly providers: readonly ProviderSpec[];
  readonly links: readonly LinkSpec[];
}

export type Translated = Translation | { readonly problem: string };

export interface Surroundings {
  /** Served by the runtime, without versions. */
  readonly builtin: ReadonlySet<string>;
  /** Providers of the device itself: an entry that has the name of one is served by it. */
  readonly providers: ReadonlySet<string>;
  /** Those of them that speak NATS, where the control planes are. */
  readonly natsProviders: ReadonlySet<string>;
  readonly httpListen: string | undefined;
  /** Of the device, that workloads may use folders below. */
  readonly hostPaths: readonly string[];
  /** Where empty folders are made. */
  readonly volumesFolder: string;
}

/** Characters of a name in Kubernetes. */
export const MOST_NAME = 253;
const MOST_INSTANCES = 1000;
const MOST_COMPONENTS = 64;
const MIB = 1024 * 1024;

/** One name for a workload in ids and folders, whatever its id is made of. */
export const shortHash = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 16);

/** Unique on the device, and says in logs what it is of. */
export function componentId(workloadId: string, workload: Workload, index: number): string {
  const name = nameOf(workload, index);
  return `${slug(workload.name, 30)}-${slug(name, 15)}-${shortHash(`${workloadId}\0${index}`)}`;
}

const slug = (text: string, most: number): string => {
  const plain = text.replaceAll(/[^A-Za-z0-9_-]/g, "-").slice(0, most);
  return /^[A-Za-z0-9]/.test(plain) ? plain : "x";
};

const componentsOf = (workload: Workload): readonly WireComponent[] => workload.witWorld?.components ?? [];
const entriesOf = (workload: Workload): readonly WitInterface[] => workload.witWorld?.hostInterfaces ?? [];
const nameOf = (workload: Workload, index: number): string =>
  componentsOf(workload)[index]?.name || `component-${index}`;

const NO_RESOURCES: LocalResources = {
  memoryLimitMb: 0,
  cpuLimit: 0,
  config: {},
  environment: {},
  volumeMounts: [],
  allowedHosts: [],
  allowedIpNameLookups: [],
  allowedHostLoopbackPorts: [],
};

/** Why this device cannot run a workload, as far as that can be told without its images. */
export function workloadProblem(workload: Workload, around: Surroundings): string | undefined {
  const problems: string[] = [];
  if (workload.namespace.length > MOST_NAME || workload.name.length > MOST_NAME) problems.push("its name is too long");
  if (workload.service !== undefined) problems.push("it has a service, and this host runs none");
  const components = componentsOf(workload);
  if (components.length > MOST_COMPONENTS) {
    problems.push(`it has ${components.length} components, want at most ${MOST_COMPONENTS}`);
  }
  const entries = entriesOf(workload).map((one) => JSON.stringify([one.namespace, one.package, one.name]));
  if (new Set(entries).size < entries.length) {
    problems.push("two of its host interfaces have the same package and name");
  }
  for (const [index, component] of components.entries()) {
    const image = imageProblem(component.image);
    const resources = component.localResources ?? NO_RESOURCES;
    const policy = networkPolicy(resources);
    const { problems: volumes } = volumeFolders(workload, resources, folderOf("", around), around.hostPaths);
    const faults = [...(image === undefined ? [] : [image]), ...volumes];
    if (policy.problems.length > 0) faults.push(`these entries are not valid: ${policy.problems.join(", ")}`);
    problems.push(...faults.map((fault) => `component "${nameOf(workload, index)}": ${fault}`));
  }
  return problems.length === 0 ? undefined : problems.join("; ");
}

function imageProblem(image: string): string | undefined {
  const parsed = parseReference(image);
  if ("fault" in parsed) return `its image cannot be used: ${parsed.fault.slice(0, 500)}`;
  return parsed.reference.kind === "file" ? "its image is a file of the device, want one of a registry" : undefined;
}

/** @throws nothing: an image that is none was refused by `workloadProblem` */
export function imageReference({ image }: WireComponent): string {
  const parsed = parseReference(image);
  return "reference" in parsed ? formatReference(parsed.reference) : image;
}

/** Where the empty folders of a workload are. */
export const folderOf = (workloadId: string, { volumesFolder }: Pick<Surroundings, "volumesFolder">): string =>
  `${volumesFolder}/${shortHash(workloadId)}`;

export function translate(
  workloadId: string,
  workload: Workload,
  images: readonly ResolvedImage[],
  around: Surroundings,
): Translated {
  const refused = workloadProblem(workload, around);
  if (refused !== undefined) return { problem: refused };
  const problems: string[] = [];
  const components: TranslatedComponent[] = [];
  const providers = new Map<string, ProviderSpec>();
  const links = new Map<string, LinkSpec>();
  const ids = componentsOf(workload).map((_, index) => componentId(workloadId, workload, index));

  /** Links of one component with one provider, or another component, are one. */
  function link(source: string, target: string, name: string, interfaceName: string, config: unknown): void {
    const key = JSON.stringify([source, target, name]);
    const interfaces = links.get(key)?.interfaces ?? [];
    if (interfaces.includes(interfaceName)) return;
    links.set(key, { name, source, target, interfaces: [...interfaces, interfaceName], config });
  }

  const httpComponent = images.findIndex(({ exports }) => exports.some((one) => one.startsWith("wasi:http/")));

  for (const [index, component] of componentsOf(workload).entries()) {
    const [id = "", image] = [ids[index], images[index]];
    if (image === undefined) continue;
    const resources = component.localResources ?? NO_RESOURCES;
    const fault = (text: string): void => void problems.push(`component "${nameOf(workload, index)}" ${text}`);
    components.push(translateComponent(workloadId, workload, index, image, around));

    const find = (entry: WitInterface, name: WitName, side: "imports" | "exports"): Found => {
      const capability = capabilityOf(entry, name.interface, side);
      if (capability === undefined) return { problem: "no provider of this host has it" };
      return (
        capability.find?.({
          namespace: workload.namespace,
          workload: workload.name,
          component: nameOf(workload, index),
          entry,
          settings: resources.config,
          httpListen: around.httpListen,
        }) ?? { idle: true }
      );
    };
    const bind = (entry: WitInterface, name: WitName, side: "imports" | "exports"): void => {
      const interfaceName = `${name.namespace}:${name.package}/${name.interface}`;
      const own = entry.name !== "" && around.providers.has(entry.name);
      const ends = (provider: string): [string, string] => (side === "imports" ? [id, provider] : [provider, id]);
      const linkName = entry.name === "" ? "default" : entry.name;
      if (own) {
        const config = structuredConfig(entry.config);
        const guarded = around.natsProviders.has(entry.name) ? guardedConfig(config) : { config };
        if ("problem" in guarded) fault(`${side === "imports" ? "needs" : "has"} ${interfaceName}: ${guarded.problem}`);
        else link(...ends(entry.name), linkName, interfaceName, guarded.config);
        return;
      }
      const found = find(entry, name, side);
      if ("problem" in found) fault(`${side === "imports" ? "needs" : "has"} ${interfaceName}: ${found.problem}`);
      if (!("service" in found)) return;
      const { provider, config } = found.service;
      if (around.providers.has(provider.id)) {
        fault(`needs ${interfaceName}: the device has a provider "${provider.id}" of its own`);
        return;
      }
      // What is asked for in no link is not delivered.
      if (side === "exports" && isDeaf(config)) return;
      providers.set(provider.id, provider);
      link(...ends(provider.id), linkName, interfaceName, config);
    };

    for (const full of image.imports) {
      const name = parseWitName(full);
      if (name === undefined) {
        fault(`imports ${full}, which is outside any interface`);
        continue;
      }
      const entry = entryFor(workload, name);
      const exporter = exporterOf(full, index, images);
      if (exporter === "several" && entry === undefined) {
        fault(`imports ${full}, which more than one other component exports`);
      } else if (typeof exporter === "number") {
        link(id, ids[exporter] ?? "", "default", unversioned(full), undefined);
      } else if (entry !== undefined && around.providers.has(entry.name)) bind(entry, name, "imports");
      else if (around.builtin.has(unversioned(full))) continue;
      else if (entry === undefined) fault(`imports ${full}, which is no host interface of the workload`);
      else bind(entry, name, "imports");
    }
    for (const full of image.exports) {
      const name = parseWitName(full);
      const entry = name === undefined ? undefined : entryFor(workload, name);
      if (name === undefined || entry === undefined) continue;
      // It is for another component, not for the host.
      if (images.some(({ imports }, other) => other !== index && imports.includes(full))) continue;
      // Of several that could answer requests, the first one does.
      if (full.startsWith("wasi:http/") && index !== httpComponent) continue;
      bind(entry, name, "exports");
    }
  }
  const cycle = findCycle(images);
  if (cycle !== undefined) {
    problems.push(`its components import each other: ${cycle.map((index) => nameOf(workload, index)).join(", ")}`);
  }
  if (problems.length > 0) return { problem: problems.join("; ") };
  return { components, providers: [...providers.values()], links: [...links.values()] };
}

/** A delivery that would deliver nothing. */
const isDeaf = (config: unknown): boolean =>
  typeof config === "object" &&
  config !== null &&
  "subscriptions" in config &&
  Array.isArray(config.subscriptions) &&
  config.subscriptions.length === 0;

/** The entry that declares an interface: one without a name before those that have one. */
function entryFor(workload: Workload, name: WitName): WitInterface | undefined {
  const fitting = entriesOf(workload).filter(
    (entry) =>
      entry.namespace === name.namespace &&
      entry.package === name.package &&
      entry.interfaces.includes(name.interface) &&
      fitsVersion(entry, name),
  );
  return fitting.find((entry) => entry.name === "") ?? fitting[0];
}

/** As other hosts see it: any when one is silent, the same otherwise; but HTTP is that of WASI, whose patches all fit. */
function fitsVersion(entry: WitInterface, { namespace, package: name, version }: WitName): boolean {
  if (entry.version === "" || version === undefined || entry.version === version) return true;
  return namespace === "wasi" && name === "http" && sameRelease(entry.version, version);
}

function translateComponent(
  workloadId: string,
  workload: Workload,
  index: number,
  image: ResolvedImage,
  around: Surroundings,
): TranslatedComponent {
  const component = componentsOf(workload)[index] as WireComponent; // The caller goes through them.
  const resources = component.localResources ?? NO_RESOURCES;
  const { environment, config, memoryLimitMb } = resources;
  const shown = entriesOf(workload).filter((entry) => entry.namespace === "wasi" && entry.package === "config");
  const { poolSize, maxConcurrency, maxInvocations } = component;
  return {
    id: componentId(workloadId, workload, index),
    name: nameOf(workload, index),
    image: imageReference(component),
    digest: image.content,
    config: Object.assign({}, ...shown.map((entry) => entry.config), config, environment) as Record<string, string>,
    env: environment,
    memory: memoryLimitMb > 0 ? memoryLimitMb * MIB : undefined,
    instances: poolSize > 0 ? Math.min(poolSize * Math.max(1, maxConcurrency), MOST_INSTANCES) : 1,
    recycleCalls: maxInvocations > 0 ? maxInvocations : undefined,
    folders: volumeFolders(workload, resources, folderOf(workloadId, around), around.hostPaths).folders,
    network: networkPolicy(resources).grants,
  };
}
