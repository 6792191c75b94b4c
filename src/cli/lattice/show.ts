import type { FoundInventory, LatticeEvent, LatticeLink } from "../../adapters/lattice/wasmcloud/client.ts";
import { formatAge, formatTable } from "../table.ts";
import { print, resolveHost, withLattice, type LatticeOptions } from "./options.ts";

/** `petiole lattice hosts` */
export async function latticeHosts(options: LatticeOptions): Promise<void> {
  await withLattice(options, async (client) => {
    const hosts = (await client.hosts()).sort((a, b) => (a.friendly_name < b.friendly_name ? -1 : 1));
    print(options, { hosts }, () =>
      hosts.length === 0
        ? `no host answers in the lattice "${options.lattice}"`
        : formatTable([
            ["HOST", "ID", "VERSION", "UP", "LABELS"],
            ...hosts.map(({ friendly_name, id, version, uptime_seconds, labels }) => [
              friendly_name,
              id,
              version ?? "-",
              formatAge(uptime_seconds),
              formatLabels(labels),
            ]),
          ]),
    );
  });
}

/** `petiole lattice inventory` */
export async function latticeInventory(host: string | undefined, options: LatticeOptions): Promise<void> {
  await withLattice(options, async (client) => {
    const ids = host === undefined ? (await client.hosts()).map(({ id }) => id) : [await resolveHost(client, host)];
    const inventories = await Promise.all(ids.map((id) => client.inventory(id)));
    print(options, { inventories }, () =>
      inventories.length === 0
        ? `no host answers in the lattice "${options.lattice}"`
        : inventories.map(formatInventory).join("\n\n"),
    );
  });
}

function formatInventory({ host_id, friendly_name, labels, version, components, providers }: FoundInventory): string {
  const rows = [
    ...components.map(({ id, max_instances, image_ref }) => [id, "component", String(max_instances), image_ref]),
    ...providers.map(({ id, image_ref }) => [id, "provider", "-", image_ref ?? "-"]),
  ];
  const head = `${friendly_name} ${host_id}, version ${version}\n${formatLabels(labels)}`;
  return rows.length === 0
    ? `${head}\nnothing runs`
    : `${head}\n${formatTable([["ID", "KIND", "INSTANCES", "REFERENCE"], ...rows])}`;
}

const formatLabels = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(" ");

/** `petiole lattice link list` */
export async function latticeLinks(options: LatticeOptions): Promise<void> {
  await withLattice(options, async (client) => {
    const links = await client.links();
    print(options, { links }, () => (links.length === 0 ? "there are no links" : formatLinks(links)));
  });
}

const formatLinks = (links: readonly LatticeLink[]): string =>
  formatTable([
    ["FROM", "TO", "NAME", "INTERFACES", "SOURCE CONFIG", "TARGET CONFIG"],
    ...links.map(
      ({ source_id, target, name, wit_namespace, wit_package, interfaces, source_config, target_config }) => [
        source_id,
        target,
        name,
        `${wit_namespace}:${wit_package}/${interfaces.join(",")}`,
        source_config.join(",") || "-",
        target_config.join(",") || "-",
      ],
    ),
  ]);

export interface EventOptions extends LatticeOptions {
  readonly follow?: true;
}

/** `petiole lattice events`: one a line. */
export async function latticeEvents(options: EventOptions): Promise<void> {
  await withLattice(options, async (client) => {
    using _listening = await client.listen((event) =>
      process.stdout.write(`${options.json === true ? JSON.stringify(event) : formatEvent(event)}\n`),
    );
    if (options.follow !== true) {
      await new Promise<void>((resolve) => setTimeout(resolve, options.timeout));
      return;
    }
    const stop = Promise.withResolvers<void>();
    process.once("SIGINT", stop.resolve);
    process.once("SIGTERM", stop.resolve);
    // A subscription alone does not keep the process.
    const alive = setInterval(() => {}, 60_000);
    await stop.promise;
    clearInterval(alive);
  });
}

function formatEvent({ name, host, time, data }: LatticeEvent): string {
  const shown = name === "host_heartbeat" ? summaryOf(data) : JSON.stringify(data);
  return `${time}  ${host.slice(0, 8)}  ${name}  ${shown}`;
}

const summaryOf = ({ friendly_name, components, providers }: LatticeEvent["data"]): string => {
  const count = (list: unknown): number => (Array.isArray(list) ? list.length : 0);
  return `${String(friendly_name)}: ${count(components)} components, ${count(providers)} providers`;
};
