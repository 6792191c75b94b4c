import { PetioleError } from "../../domain/errors.ts";
import { parseWitName } from "../../domain/wit-name.ts";
import { print, withLattice, type LatticeOptions } from "./options.ts";

export interface LinkOptions extends LatticeOptions {
  readonly name: string;
}

export interface PutLinkOptions extends LinkOptions {
  readonly sourceConfig: readonly string[];
  readonly targetConfig: readonly string[];
}

interface Interfaces {
  readonly wit_namespace: string;
  readonly wit_package: string;
  readonly interfaces: readonly string[];
}

/** `petiole lattice link put` */
export async function latticeLinkPut(
  source: string,
  target: string,
  names: readonly string[],
  options: PutLinkOptions,
): Promise<void> {
  const link = {
    source_id: source,
    target,
    name: options.name,
    ...interfacesOf(names),
    source_config: options.sourceConfig,
    target_config: options.targetConfig,
  };
  await withLattice(options, async (client) => {
    await client.ask("link.put", link);
    print(options, { link }, () => `${source} is linked to ${target}`);
  });
}

/** `petiole lattice link del` */
export async function latticeLinkDelete(source: string, packageName: string, options: LinkOptions): Promise<void> {
  // Deleting names no interfaces: what there is of the package under the name goes.
  const { interfaces: _, ...wit } = interfacesOf([packageName.includes("/") ? packageName : `${packageName}/any`]);
  await withLattice(options, async (client) => {
    await client.ask("link.del", { source_id: source, name: options.name, ...wit });
    print(options, { source, ...wit, name: options.name }, () => `the link of ${source} is deleted`);
  });
}

function interfacesOf(names: readonly string[]): Interfaces {
  const parsed = names.map((text) => {
    const name = parseWitName(text);
    if (name !== undefined && name.version === undefined) return name;
    throw new PetioleError("ERR_CONFIG_INVALID", `Cannot link "${text}": want a name such as wasi:keyvalue/store`);
  });
  const packages = new Set(parsed.map((name) => `${name.namespace}:${name.package}`));
  const [first] = parsed;
  if (first === undefined || packages.size !== 1) {
    throw new PetioleError("ERR_CONFIG_INVALID", "Cannot link interfaces of several packages at a time");
  }
  return {
    wit_namespace: first.namespace,
    wit_package: first.package,
    interfaces: parsed.map((name) => name.interface),
  };
}

/** `petiole lattice config put` */
export async function latticeConfigPut(name: string, pairs: readonly string[], options: LatticeOptions): Promise<void> {
  const config = Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf("=");
      if (equals > 0) return [pair.slice(0, equals), pair.slice(equals + 1)];
      throw new PetioleError("ERR_CONFIG_INVALID", `Cannot use "${pair}": want key=value`);
    }),
  );
  await withLattice(options, async (client) => {
    await client.ask(`config.put.${name}`, config);
    print(options, { name, config }, () => `${name} is stored`);
  });
}

/** `petiole lattice config get` */
export async function latticeConfigGet(name: string, options: LatticeOptions): Promise<void> {
  await withLattice(options, async (client) => {
    const config = (await client.ask(`config.get.${name}`)) as Readonly<Record<string, unknown>> | null | undefined;
    if (config === undefined || config === null) {
      throw new PetioleError("ERR_LATTICE_REQUEST", `Cannot get "${name}": there is no such configuration`);
    }
    print(options, { name, config }, () =>
      Object.entries(config)
        .map(([key, value]) => `${key}=${String(value)}`)
        .join("\n"),
    );
  });
}

/** `petiole lattice config del` */
export async function latticeConfigDelete(name: string, options: LatticeOptions): Promise<void> {
  await withLattice(options, async (client) => {
    await client.ask(`config.del.${name}`);
    print(options, { name }, () => `${name} is deleted`);
  });
}
