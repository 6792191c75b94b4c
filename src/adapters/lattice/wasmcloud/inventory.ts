// What a host tells of itself. Pure.

import type { WantedState } from "../../../domain/workload.ts";
import type { HostStatus } from "../../../host/host.ts";
import { findItem, type Wanted } from "./wanted.ts";
import type { InventoryComponent, InventoryProvider } from "./wire.ts";

export interface InventoryInput {
  readonly wanted: Wanted;
  readonly below: WantedState;
  readonly status: HostStatus;
  /** Of what the device itself wants. */
  readonly annotations: (id: string) => Readonly<Record<string, string>>;
}

/** What runs. What should run and does not is left out: whoever wants it is to try again. */
export function inventoryItems({ wanted, below, status, annotations: ownAnnotations }: InventoryInput): {
  readonly components: InventoryComponent[];
  readonly providers: InventoryProvider[];
} {
  const isRunning = ({ state }: { readonly state: string }): boolean => state === "running";
  return {
    components: status.components.filter(isRunning).flatMap(({ id }) => {
      const own = below.components.find((spec) => spec.id === id);
      if (own !== undefined) {
        const reference = own.image?.reference ?? `file://${own.file}`;
        return [
          {
            id,
            image_ref: reference,
            annotations: ownAnnotations(id),
            revision: 0,
            max_instances: own.limits.instances,
          },
        ];
      }
      const item = findItem(wanted.components, id);
      if (item === undefined) return [];
      const { reference, annotations, count } = item;
      return [{ id, image_ref: reference, annotations, revision: 0, max_instances: count }];
    }),
    providers: status.providers.filter(isRunning).flatMap(({ id, type, report }): InventoryProvider[] => {
      const own = below.providers.find((spec) => spec.id === id);
      const item = findItem(wanted.providers, id);
      const told = {
        id,
        revision: report?.revision ?? 0,
        ...(report?.name === undefined ? {} : { name: report.name }),
      };
      if (own !== undefined) return [{ ...told, image_ref: originOf(own, type), annotations: ownAnnotations(id) }];
      return item === undefined ? [] : [{ ...told, image_ref: item.reference, annotations: item.annotations }];
    }),
  };
}

/** Of a provider of the device itself: the image or the file that it is a process of, or its type. */
function originOf({ image, config }: WantedState["providers"][number], type: string): string {
  if (image !== undefined) return image.reference;
  const isProcess = type === "executable" && typeof config === "object" && config !== null && "file" in config;
  return isProcess ? `file://${String(config.file)}` : `petiole://${type}`;
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "x86_64",
  arm64: "aarch64",
  ia32: "x86",
  ppc64: "powerpc64",
};
const SYSTEMS: Readonly<Record<string, string>> = { darwin: "macos", win32: "windows" };

/** The labels that every host has, with the names that other hosts use. */
export function platformLabels({ arch, platform }: { readonly arch: string; readonly platform: string }) {
  return {
    "hostcore.arch": ARCHITECTURES[arch] ?? arch,
    "hostcore.os": SYSTEMS[platform] ?? platform,
    "hostcore.osfamily": platform === "win32" ? "windows" : "unix",
  };
}

export function currentLabels(
  configured: Readonly<Record<string, string>>,
  changes: Wanted["labels"],
): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [key, value] of Object.entries({ ...configured, ...changes })) if (value !== null) labels[key] = value;
  return labels;
}

/** `1h 2m 3s`. */
export function humanDuration(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [Math.floor(seconds) % 60, "s"],
  ] as const;
  const text = parts.flatMap(([count, unit]) => (count > 0 ? [`${count}${unit}`] : [])).join(" ");
  return text === "" ? "0s" : text;
}
