// Faults that a schema cannot see: what the parts of a configuration say about each other. Works on the raw document,
// so that these faults are reported together with those of the schema.

import type { ConfigFault } from "./yaml-source.ts";

interface Outline {
  readonly components: ReadonlySet<string>;
  readonly providers: ReadonlySet<string>;
  readonly links: readonly unknown[];
}

/** What a document may refer to besides what is in it. */
export interface Surroundings {
  readonly components: ReadonlySet<string>;
  readonly providers: ReadonlySet<string>;
}

const NOTHING_AROUND: Surroundings = { components: new Set(), providers: new Set() };

export function checkReferences(raw: unknown, around = NOTHING_AROUND): ConfigFault[] {
  const document = asRecord(raw);
  const components = new Set(Object.keys(asRecord(document["components"])));
  const providers = new Set(Object.keys(asRecord(document["providers"])));
  const outline: Outline = {
    components: components.union(around.components),
    providers: providers.union(around.providers),
    links: Array.isArray(document["links"]) ? document["links"] : [],
  };
  return [
    ...checkNames("providers", providers, "component", outline.components),
    ...checkNames("components", components, "provider", around.providers),
    ...checkOrigins(asRecord(document["components"])),
    ...checkLinks(outline),
  ];
}

function checkNames(
  section: string,
  names: ReadonlySet<string>,
  other: string,
  taken: ReadonlySet<string>,
): ConfigFault[] {
  return [...names.intersection(taken)].map((name) => ({
    path: [section, name],
    message: `"${name}" is also the name of a ${other}`,
  }));
}

function checkOrigins(components: Readonly<Record<string, unknown>>): ConfigFault[] {
  return Object.entries(components).flatMap(([name, entry]) => {
    const { file, image } = asRecord(entry);
    if (file === undefined && image === undefined) {
      return [{ path: ["components", name], message: "want a file or an image" }];
    }
    if (file === undefined || image === undefined) return [];
    return [{ path: ["components", name, "image"], message: "there is a file already: want one of the two" }];
  });
}

function checkLinks({ components, providers, links }: Outline): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const taken = new Map<string, number>();
  for (const [index, entry] of links.entries()) {
    const link = asRecord(entry);
    const from = String(link["from"]);
    const to = String(link["to"]);
    for (const [end, name] of [["from", from] as const, ["to", to] as const]) {
      if (typeof link[end] !== "string" || components.has(name) || providers.has(name)) continue;
      faults.push({ path: ["links", index, end], message: `no component or provider is named "${name}"` });
    }
    if (providers.has(from) && providers.has(to)) {
      const message = `"${from}" and "${to}" are both providers; one end must be a component`;
      faults.push({ path: ["links", index], message });
    }
    if (components.has(from) && components.has(to)) {
      // Neither of the two would read it.
      if (link["config"] !== undefined) {
        const message = `"${from}" and "${to}" are both components, and neither reads a configuration`;
        faults.push({ path: ["links", index, "config"], message });
      }
    }
    if (!Array.isArray(link["interfaces"])) continue;
    // A component's import has one link. A provider may deliver over several, which must differ in something.
    const interfaces = link["interfaces"].map(String).sort();
    const keys = components.has(from)
      ? interfaces.map((name) => ({ what: `${name} of "${from}"`, key: JSON.stringify([from, name]) }))
      : [{ what: `"${from}" to "${to}"`, key: JSON.stringify([from, to, link["name"] ?? "default", interfaces]) }];
    for (const { what, key } of keys) {
      const earlier = taken.get(key);
      if (earlier === undefined) taken.set(key, index);
      else faults.push({ path: ["links", index], message: `links[${earlier}] already links ${what}` });
    }
  }
  return faults;
}

export function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
