import type { Inventory, InventoryItem } from "../../adapters/artifacts/artifact-store.ts";
import type { StoredFile } from "../../adapters/artifacts/cache-folder.ts";
import { loadConfig } from "../../config/load.ts";
import { agentOnlyObjects, openArtifacts } from "../../daemon/artifacts.ts";
import { systemClock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import { formatAge, formatBytes, formatTable } from "../table.ts";
import { interruption } from "./settings.ts";

export interface CacheOptions {
  readonly config: string;
  readonly json?: true;
}

async function openCache({ config: file }: CacheOptions) {
  const { config } = await loadConfig(file);
  return openArtifacts({ config, env: process.env, objects: agentOnlyObjects, clock: systemClock, log: silentLogger });
}

export async function artifactsList(options: CacheOptions): Promise<void> {
  const inventory = await (await openCache(options)).list();
  process.stdout.write(
    options.json === true ? `${JSON.stringify(inventory)}\n` : `${formatInventory(inventory, Date.now())}\n`,
  );
}

export async function artifactsPrune(options: CacheOptions & { readonly dryRun?: true }): Promise<void> {
  const dryRun = options.dryRun === true;
  const store = await openCache(options);
  const answer = { dryRun, ...(await store.prune(dryRun, interruption())) };
  process.stdout.write(options.json === true ? `${JSON.stringify(answer)}\n` : `${formatPruned(answer)}\n`);
}

export function formatInventory({ artifacts, parts, bytes, maxSize, folder }: Inventory, now: number): string {
  const age = (time: number): string => formatAge(Math.max(0, now - time) / 1000);
  const rows = artifacts.flatMap((item) => {
    const shown = [short(item.content), formatBytes(item.size), age(item.usedAt), usersOf(item)];
    if (item.references.length === 0) return [[...shown, "-", "-"]];
    return item.references.map(({ reference, resolvedAt }, i) => [
      ...(i === 0 ? shown : shown.map(() => "")),
      reference,
      age(resolvedAt),
    ]);
  });
  const table =
    rows.length === 0 ? [] : [formatTable([["COMPONENT", "SIZE", "USED", "BY", "REFERENCE", "RESOLVED"], ...rows])];
  const unfinished = parts.map(({ content, size }) => `  unfinished: ${short(content)}, ${formatBytes(size)} so far`);
  return [...table, ...unfinished, `${formatBytes(bytes)} of ${formatBytes(maxSize)} used in ${folder}`].join("\n");
}

const short = (digest: string): string => digest.slice(0, "sha256:".length + 12);

function usersOf({ components }: InventoryItem): string {
  const users = components.map(({ component, role }) => (role === "current" ? component : `${component} (${role})`));
  return users.length === 0 ? "-" : users.join(", ");
}

interface Pruned {
  readonly dryRun: boolean;
  readonly removed: readonly StoredFile[];
  readonly left: number;
}

export function formatPruned({ dryRun, removed, left }: Pruned): string {
  const did = dryRun ? "would be removed" : "removed";
  const bytes = removed.reduce((sum, { size }) => sum + size, 0);
  return [
    ...removed.map(({ content, size }) => `${short(content)}  ${formatBytes(size)}`),
    `${removed.length} ${did}, ${formatBytes(bytes)}; ${formatBytes(left)} stay`,
  ].join("\n");
}
