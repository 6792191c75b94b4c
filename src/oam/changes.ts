// What another version of an application changes, on one device and in a lattice. Pure.

import type { ApplicationChange } from "../domain/application.ts";
import { compareThings, type Thing } from "./compare.ts";
import type { LinkTrait, Manifest, ScalerTrait } from "./manifest.ts";
import { configName, idOf, secretName } from "./names.ts";
import type { Translation } from "./translate.ts";

type Items = Pick<Translation, "components" | "providers" | "links">;

export const deviceChanges = (before: Items | undefined, after: Items | undefined): ApplicationChange[] =>
  compareThings(onDevice(before), onDevice(after));

/** As far as the manifests tell. */
export const latticeChanges = (before: Manifest | undefined, after: Manifest | undefined): ApplicationChange[] =>
  compareThings(inLattice(before), inLattice(after));

function onDevice(items: Items | undefined): Thing[] {
  if (items === undefined) return [];
  return [
    ...items.providers.map((spec): Thing => ({
      shown: { kind: "provider", id: spec.id, what: `petiole://${spec.type}` },
      spec,
    })),
    ...items.components.map((spec): Thing => ({
      shown: { kind: "component", id: spec.id, what: `${spec.reference}, ${counted(spec.count)}` },
      spec,
    })),
    ...items.links
      .filter(({ here }) => here)
      .map(({ name, source, target, interfaces, config }): Thing => {
        const shown = { kind: "link" as const, id: linkId(source, target, name), what: interfaces.join(", ") };
        return { shown, part: interfaces[0]?.split("/", 1)[0], spec: { interfaces, config } };
      }),
  ];
}

function inLattice(manifest: Manifest | undefined): Thing[] {
  if (manifest === undefined) return [];
  const { name: app, components } = manifest;
  const idOfName = (name: string): string => {
    const found = components.find((one) => one.name === name);
    return found?.origin.image === undefined ? name : idOf(app, found);
  };
  const items = components
    .filter(({ origin }) => origin.image !== undefined)
    .map((component): Thing => {
      const { kind, origin, config, secrets, traits } = component;
      const scalers = traits.filter((trait): trait is ScalerTrait => trait.type !== "link");
      const scale = scalers.map(({ type, instances }) => `${type} of ${instances}`).join(" and ");
      return {
        shown: {
          kind: kind === "capability" ? "provider" : "component",
          id: idOf(app, component),
          what: scale === "" ? (origin.image ?? "") : `${origin.image}, ${scale}`,
        },
        spec: { kind, origin, config, secrets, scalers },
      };
    });
  const links = components.flatMap((component) =>
    component.traits
      .filter((trait): trait is LinkTrait => trait.type === "link")
      .map((trait): Thing => {
        const { name, namespace, package: packageName, interfaces, source, target } = trait;
        const part = `${namespace}:${packageName}`;
        const configs = [source, target].flatMap(({ config, secrets }) => [
          ...config.map((one) => (one.properties === undefined ? one.name : configName(app, one.name))),
          ...secrets.map((one) => secretName(app, one.name)),
        ]);
        const what = interfaces.map((one) => `${part}/${one}`).join(", ");
        const shown = {
          kind: "link" as const,
          id: linkId(idOfName(component.name), idOfName(target.name), name),
          what: configs.length === 0 ? what : `${what} with ${configs.join(", ")}`,
        };
        return { shown, part, spec: trait };
      }),
  );
  return [...items, ...links];
}

const linkId = (source: string, target: string, name: string): string =>
  `${source} → ${target}${name === "default" ? "" : ` (${name})`}`;

const counted = (count: number): string => `${count} instance${count === 1 ? "" : "s"}`;
