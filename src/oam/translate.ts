// From an application to what one device is to run of it, without any scheduler. Pure.

import type { ConfigFault } from "../config/yaml-source.ts";
import { parseWitName } from "../domain/wit-name.ts";
import type { Digest, LinkSpec, ProviderSpec } from "../domain/workload.ts";
import type { SecretReference } from "../domain/secret.ts";
import type { SecretRule } from "../lib/named-secret.ts";
import { structuredConfig } from "../lib/structured-config.ts";
import type { ConfigEntry, LinkSide, LinkTrait, Manifest, ManifestComponent } from "./manifest.ts";
import { idOf } from "./names.ts";
import { instancesHere, type Labels } from "./scale.ts";

/** The device, as far as it decides what an application means on it. */
export interface DeviceView {
  readonly labels: Labels;
  /** Type of petiole's provider that an image names; undefined when it names none. */
  readonly providerType: (image: string) => string | undefined;
  /** Why a component cannot be had from this image; undefined when it can. */
  readonly componentProblem: (image: string) => string | undefined;
  /** What a secret of an application is on this device. */
  readonly secret: SecretRule;
  /** A configuration that was there before the application. */
  readonly namedConfig: (name: string) => Readonly<Record<string, string>> | undefined;
  /** Another application of the device. */
  readonly application: (name: string) => Manifest | undefined;
}

type Path = readonly PropertyKey[];

/** A component to run, where it comes from and how much of it. */
export interface AppComponent {
  readonly id: string;
  readonly reference: string;
  readonly count: number;
  readonly config: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, SecretReference>>;
  /** What the file of the reference has to be. */
  readonly digest?: Digest;
}

/**
 * `here`: the device runs it. `elsewhere`: its scaler means other hosts. `unscaled`: nothing says how many there are to be.
 * `shared`: another application has it.
 */
export type Placement = "here" | "elsewhere" | "unscaled" | "shared";

export interface PlacedComponent {
  readonly name: string;
  readonly id: string;
  readonly kind: ManifestComponent["kind"];
  /** Undefined for one of another application. */
  readonly image: string | undefined;
  readonly placement: Placement;
  readonly instances: number;
}

export interface AppLink extends LinkSpec {
  /** False when an end of it is not on this device. */
  readonly here: boolean;
  /** The side whose configuration is the link's: that of the provider. */
  readonly reads: "source" | "target" | undefined;
  /** Of its properties in the manifest. */
  readonly path: Path;
}

export interface Translation {
  readonly placed: readonly PlacedComponent[];
  readonly components: readonly AppComponent[];
  readonly providers: readonly ProviderSpec[];
  readonly links: readonly AppLink[];
  /** What the device cannot do. */
  readonly faults: readonly ConfigFault[];
  /** What has no effect on the device. */
  readonly notes: readonly ConfigFault[];
}

/** Ids become NATS subject tokens and file names. */
const ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
/** More make no sense on a device. */
const MOST_INSTANCES = 1000;

export function translate(manifest: Manifest, device: DeviceView): Translation {
  const faults: ConfigFault[] = [];
  const notes: ConfigFault[] = [];
  const pathOf = (index: number, ...more: Path): Path => ["spec", "components", index, ...more];

  const merge = (config: readonly ConfigEntry[], path: Path): Record<string, string> =>
    Object.assign(
      {},
      ...config.map(({ name, properties }, index) => {
        const found = properties ?? device.namedConfig(name);
        if (found !== undefined) return found;
        const message = `there is no configuration "${name}" on this device: give it properties`;
        faults.push({ path: [...path, index, "name"], message });
        return {};
      }),
    ) as Record<string, string>;

  /** The secrets of a part, by the names that it knows. */
  const findSecrets = ({ secrets }: LinkSide, path: Path): Record<string, SecretReference> => {
    const found = secrets.map(({ name, properties }, index) => {
      const { policy: named, key, field, version } = properties;
      const { backend = "", ...rest } = manifest.policies.find((one) => one.name === named)?.properties ?? {};
      const policy = JSON.stringify({ type: "properties.secret.wasmcloud.dev/v1alpha1", properties: rest });
      const finding = device.secret({ name, backend, key, field, version, policy, application: manifest.name });
      if (finding.reference !== undefined) return [[name, finding.reference] as const];
      faults.push({ path: [...path, index], message: finding.problem });
      return [];
    });
    return Object.fromEntries(found.flat());
  };

  const placed = manifest.components.map((component, index): PlacedComponent => {
    const { name, kind, origin } = component;
    if (origin.application !== undefined) {
      const { id, fault } = findShared(component, origin.application, device);
      if (fault !== undefined) faults.push({ path: pathOf(index, "properties", "application"), message: fault });
      return { name, id, kind, image: undefined, placement: "shared", instances: 0 };
    }
    const id = idOf(manifest.name, component);
    if (!ID.test(id)) {
      const message = `its id would be "${id}": want at most 64 letters, digits, - and _, the first a letter or digit`;
      faults.push({ path: pathOf(index, "name"), message });
    }
    const wanted = instancesHere(component, device.labels);
    const instances = Math.min(wanted ?? 0, kind === "capability" ? 1 : MOST_INSTANCES);
    const placement = wanted === undefined ? "unscaled" : instances === 0 ? "elsewhere" : "here";
    return { name, id, kind, image: origin.image, placement, instances };
  });
  const byName = new Map(placed.map((one) => [one.name, one]));

  const components: AppComponent[] = [];
  const providers: ProviderSpec[] = [];
  const links: AppLink[] = [];

  manifest.components.forEach((component, index) => {
    const { id, kind, placement, image, instances } = placed[index] ?? { placement: undefined };
    const path = pathOf(index, "properties");
    if (placement === "here" && image !== undefined) {
      const secrets = findSecrets(component, [...path, "secrets"]);
      const config = merge(component.config, [...path, "config"]);
      if (kind === "component") {
        const problem = device.componentProblem(image);
        if (problem !== undefined) faults.push({ path: [...path, "image"], message: problem });
        components.push({
          id,
          reference: image,
          count: instances,
          config,
          ...(Object.keys(secrets).length > 0 && { secrets }),
        });
      } else {
        const type = device.providerType(image);
        if (type !== undefined) providers.push({ id, type, config: { ...structuredConfig(config), ...secrets } });
        else faults.push({ path: [...path, "image"], message: noProvider(image) });
      }
    }
    component.traits.forEach((trait, place) => {
      if (trait.type !== "link") return;
      const source = placed[index];
      const target = byName.get(trait.target.name);
      if (source !== undefined && target !== undefined)
        addLink(trait, source, target, pathOf(index, "traits", place, "properties"));
    });
  });

  function addLink(trait: LinkTrait, source: PlacedComponent, target: PlacedComponent, path: Path): void {
    const here = [source, target].every(({ placement }) => placement === "here" || placement === "shared");
    const interfaces = [...new Set(trait.interfaces)].map((name) => `${trait.namespace}:${trait.package}/${name}`);
    const wrong = interfaces.filter(
      (name) => parseWitName(name)?.version !== undefined || parseWitName(name) === undefined,
    );
    for (const name of wrong) {
      faults.push({
        path: [...path, "interfaces"],
        message: `"${name}" is no interface: want a name such as wasi:keyvalue/store`,
      });
    }
    if (source.kind === "capability" && target.kind === "capability") {
      faults.push({ path: [...path, "target"], message: "both ends are providers: one must be a component" });
    }
    if (!ID.test(trait.name)) {
      faults.push({
        path: [...path, "name"],
        message: "want at most 64 letters, digits, - and _ in the name of a link",
      });
    }
    const reads: AppLink["reads"] =
      source.kind === "capability" ? "source" : target.kind === "capability" ? "target" : undefined;
    const link = { name: trait.name, source: source.id, target: target.id, interfaces, here, reads, path };
    if (!here) {
      links.push({ ...link, config: {} });
      return;
    }
    // The provider's side is what the provider reads.
    const sides = { source: trait.source, target: trait.target };
    let config: Record<string, unknown> | undefined;
    for (const side of ["source", "target"] as const) {
      const secrets = findSecrets(sides[side], [...path, side, "secrets"]);
      const merged = merge(sides[side].config, [...path, side, "config"]);
      if (side === reads) config = { ...structuredConfig(merged), ...secrets };
      else if (Object.keys(merged).length + Object.keys(secrets).length > 0) {
        notes.push({
          path: [...path, side, "config"],
          message: "this side of the link is a component, which does not see it",
        });
      }
    }
    links.push({ ...link, config: config ?? {} });
  }

  return { placed, components, providers, links: oneForEachImport(links, byId(placed)), faults, notes };
}

const byId = (placed: readonly PlacedComponent[]): ReadonlyMap<string, PlacedComponent> =>
  new Map(placed.map((one) => [one.id, one]));

const noProvider = (image: string): string =>
  `this device has no provider "${image}" for applications: want one of petiole's own, such as petiole://keyvalue-sqlite; ` +
  "executables are for the configuration file and the lattice";

function findShared(
  { name, kind, id: given }: ManifestComponent,
  wanted: { readonly name: string; readonly component: string },
  device: DeviceView,
): { readonly id: string; readonly fault: string | undefined } {
  const application = device.application(wanted.name);
  const found = application?.components.find((one) => one.name === wanted.component);
  const id = found === undefined ? idOf(wanted.name, { id: given, name: wanted.component }) : idOf(wanted.name, found);
  const fault =
    application === undefined
      ? `the application "${wanted.name}" is not deployed on this device`
      : !application.shared
        ? `the application "${wanted.name}" does not share its components`
        : found === undefined || found.origin.image === undefined
          ? `the application "${wanted.name}" has no component "${wanted.component}"`
          : found.kind === kind
            ? undefined
            : `"${wanted.component}" of "${wanted.name}" is a ${found.kind}, "${name}" wants a ${kind}`;
  return { id, fault };
}

/** An import has one link: the one named `default`, else the first by name. */
function oneForEachImport(links: readonly AppLink[], ends: ReadonlyMap<string, PlacedComponent>): AppLink[] {
  const order = [...links].sort((a, b) => rank(a).localeCompare(rank(b), "en"));
  const taken = new Set<string>();
  const kept = new Map(
    order.map((link) => {
      if (!link.here || ends.get(link.source)?.kind === "capability") return [link, link.interfaces];
      const free = link.interfaces.filter((name) => !taken.has(`${link.source} ${name}`));
      for (const name of free) taken.add(`${link.source} ${name}`);
      return [link, free];
    }),
  );
  return links.flatMap((link) => {
    const interfaces = kept.get(link) ?? [];
    return interfaces.length === 0 ? [] : [{ ...link, interfaces }];
  });
}

const rank = ({ name, target }: LinkSpec): string => `${name === "default" ? 0 : 1} ${name} ${target}`;
