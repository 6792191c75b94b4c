// What the project's manifest, and its dev.yaml, want to run: components, providers and links, by the names that they have there.

import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { PROVIDERS } from "../../../providers/index.ts";
import { checkApplication } from "../../daemon/check-application.ts";
import { providerTypeOf } from "../../daemon/lattice-references.ts";
import { PetioleError } from "../../domain/errors.ts";
import { reasonOf } from "../../lib/reason.ts";
import type { Manifest } from "../../oam/manifest.ts";
import { parseManifest } from "../../oam/parse.ts";
import { translate, type DeviceView, type Translation } from "../../oam/translate.ts";

export interface PlannedComponent {
  /** Of a file, absolute, or of an image. */
  readonly origin: { readonly file: string } | { readonly image: string };
  readonly config: Readonly<Record<string, string>>;
  readonly instances: number;
}

export interface PlannedProvider {
  readonly type: string;
  readonly config: unknown;
}

export interface PlannedLink {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly interfaces: readonly string[];
  readonly config: unknown;
}

export interface Plan {
  /** Name of the project's own component. */
  readonly own: string;
  readonly components: Readonly<Record<string, PlannedComponent>>;
  readonly providers: Readonly<Record<string, PlannedProvider>>;
  readonly links: readonly PlannedLink[];
}

/** What is different on a developer's machine. */
export interface PlanChanges {
  readonly providers: Readonly<Record<string, { readonly type?: string | undefined; readonly config?: unknown }>>;
  readonly simulate: Readonly<Record<string, boolean>>;
  readonly components: Readonly<Record<string, { readonly config: Readonly<Record<string, string>> }>>;
}

export interface PlanSource {
  /** Path of the manifest. */
  readonly manifest: string;
  /** Path of the component that the project makes. */
  readonly out: string;
  readonly changes: PlanChanges;
}

/** @throws PetioleError ERR_MANIFEST_INVALID, ERR_MANIFEST_UNSUPPORTED, ERR_PROJECT_INVALID */
export async function readPlan({ manifest: file, out, changes }: PlanSource): Promise<Plan> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new PetioleError("ERR_PROJECT_INVALID", `Cannot read the manifest "${file}": ${reasonOf(cause)}`, { cause });
  }
  const parsed = parseManifest(text, file);
  const translation = translate(onOneDevice(parsed.manifest), DEVELOPER_MACHINE);
  const faults = [...translation.faults, ...(await checkApplication(translation, []))];
  if (faults.length > 0) throw parsed.unsupported(faults);
  return planOf(translation, { folder: dirname(file), file, out, changes });
}

/** Whatever hosts an application is spread over: here, all of it runs. */
function onOneDevice(manifest: Manifest): Manifest {
  const components = manifest.components.map((component) => ({
    ...component,
    traits: component.traits.some(({ type }) => type !== "link")
      ? component.traits.map((trait) => (trait.type === "link" ? trait : { ...trait, spread: [] }))
      : [...component.traits, { type: "spreadscaler" as const, instances: 1, spread: [] }],
  }));
  return { ...manifest, components };
}

const DEVELOPER_MACHINE: DeviceView = {
  labels: {},
  providerType: (image) => providerTypeOf(image, PROVIDERS),
  componentProblem: () => undefined,
  secret: ({ name }) => ({ problem: `there is no secret "${name}" here: give its place a value in dev.yaml` }),
  namedConfig: () => undefined,
  application: () => undefined,
};

interface Surroundings {
  readonly folder: string;
  readonly file: string;
  readonly out: string;
  readonly changes: PlanChanges;
}

function planOf(translation: Translation, { folder, file, out, changes }: Surroundings): Plan {
  const names = new Map(translation.placed.map(({ id, name }) => [id, name]));
  const nameOf = (id: string): string => names.get(id) ?? id;
  const components = translation.components.map(({ id, reference, count, config }): [string, PlannedComponent] => {
    const name = nameOf(id);
    const origin = reference.startsWith("file://")
      ? { file: resolve(folder, reference.slice("file://".length)) }
      : { image: reference };
    return [name, { origin, config: changes.components[name]?.config ?? config, instances: count }];
  });
  const providers = translation.providers.map(({ id, type, config }): [string, PlannedProvider] => {
    const name = nameOf(id);
    const change = changes.providers[name];
    return [name, { type: change?.type ?? type, config: change?.config ?? config }];
  });
  const links = translation.links
    .filter(({ here }) => here)
    .map(({ name, source, target, interfaces, config }) => ({
      name,
      from: nameOf(source),
      to: nameOf(target),
      interfaces,
      config,
    }));
  checkNames(changes, { components, providers, file });
  return {
    own: ownComponent(components, out, file),
    components: Object.fromEntries(components),
    providers: Object.fromEntries(providers),
    links,
  };
}

function ownComponent(components: readonly [string, PlannedComponent][], out: string, file: string): string {
  const found = components.find(([, { origin }]) => "file" in origin && origin.file === out);
  if (found !== undefined) return found[0];
  throw new PetioleError(
    "ERR_PROJECT_INVALID",
    `Cannot develop with "${file}": no component of it has the image file://${out}, which the project builds`,
  );
}

function checkNames(
  changes: PlanChanges,
  {
    components,
    providers,
    file,
  }: { components: readonly [string, unknown][]; providers: readonly [string, unknown][]; file: string },
): void {
  for (const [kind, all] of [
    ["components", components],
    ["providers", providers],
    ["simulate", providers],
  ] as const) {
    const unknown = Object.keys(changes[kind]).find((name) => !all.some(([known]) => known === name));
    if (unknown === undefined) continue;
    const known = all.map(([name]) => name).join(", ");
    throw new PetioleError(
      "ERR_PROJECT_INVALID",
      `Cannot use dev.yaml: ${kind}.${unknown} is not in "${file}", which has ${known === "" ? "none" : known}`,
    );
  }
}
