// Software bill of materials in the form of CycloneDX 1.6. It depends on nothing but what is inside: no time, no
// serial number.

import type { BundledPackage } from "./inventory.ts";
import type { NatsServerPart } from "./nats-server.ts";

export interface BomInput {
  readonly version: string;
  readonly commit: string;
  readonly target: string;
  /** Of the executable, in hexadecimal. */
  readonly sha256: string;
  readonly packages: readonly BundledPackage[];
  /** Folders of the packages that petiole itself imports. */
  readonly direct: readonly string[];
  readonly node: {
    readonly package: string;
    readonly version: string;
    readonly integrity: string;
    readonly parts: readonly (readonly [name: string, version: string])[];
  };
  /** SQLite inside better-sqlite3. */
  readonly sqlite: string;
  readonly natsServer?: ServerFacts | undefined;
}

/** A nats-server and what it is built of. */
type ServerFacts = Pick<NatsServerPart, "version" | "sha256" | "modules">;

interface Component {
  readonly type: "application" | "library" | "platform";
  readonly "bom-ref": string;
  readonly name: string;
  readonly version: string;
  readonly purl?: string;
  readonly licenses?: readonly object[];
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly components?: readonly Component[];
}

const SELF = "petiole";
const FORM = { bomFormat: "CycloneDX", specVersion: "1.6", version: 1 } as const;

export function createBom(input: BomInput): object {
  const { node, packages, natsServer } = input;
  const refs = new Map(packages.map((one) => [one.folder, refOf(one)]));
  const nodeRef = npmPurl(node.package, node.version);
  const server = natsServer === undefined ? [] : [serverComponent(natsServer)];
  const dependsOn = [...input.direct.flatMap((folder) => refs.get(folder) ?? []), nodeRef, ...server.map(ref)];
  return {
    ...FORM,
    metadata: {
      component: {
        type: "application",
        "bom-ref": SELF,
        name: "petiole",
        version: input.version,
        licenses: [{ license: { id: "Apache-2.0" } }],
        hashes: [{ alg: "SHA-256", content: input.sha256 }],
        properties: [
          { name: "petiole:commit", value: input.commit },
          { name: "petiole:target", value: input.target },
        ],
      },
    },
    components: [
      nodeComponent(node, nodeRef),
      ...server,
      ...packages.map((one) => packageComponent(one, input.sqlite)),
    ],
    dependencies: [
      { ref: SELF, dependsOn: [...new Set(dependsOn)].sort() },
      ...packages.map(({ folder, uses }) => ({
        ref: refs.get(folder),
        dependsOn: uses.flatMap((one) => refs.get(one) ?? []),
      })),
    ],
  };
}

const ref = (component: Component): string => component["bom-ref"];

/** Two copies of one version are two components. */
function refOf({ folder, name, version }: BundledPackage): string {
  const purl = npmPurl(name, version);
  return folder === `node_modules/${name}` ? purl : `${purl}#${folder}`;
}

function packageComponent(one: BundledPackage, sqlite: string): Component {
  const { name, version, integrity } = one;
  const inside = name === "better-sqlite3" ? [partOf(refOf(one), "sqlite", sqlite)] : [];
  return {
    type: "library",
    "bom-ref": refOf(one),
    name,
    version,
    purl: npmPurl(name, version),
    licenses: [licenceChoice(one.licence)],
    ...(integrity !== undefined && { hashes: [archiveHash(integrity)] }),
    ...(inside.length > 0 && { components: inside }),
  };
}

function nodeComponent({ version, integrity, parts, package: name }: BomInput["node"], nodeRef: string): Component {
  return {
    type: "platform",
    "bom-ref": nodeRef,
    name: "node",
    version,
    purl: npmPurl(name, version),
    licenses: [{ license: { id: "MIT" } }],
    hashes: [archiveHash(integrity)],
    components: parts.map(([part, partVersion]) => partOf(nodeRef, part, partVersion)),
  };
}

/** Of a nats-server that is a file of its own. */
export function createServerBom(server: ServerFacts): object {
  const { components = [], ...component } = serverComponent(server);
  return { ...FORM, metadata: { component }, components };
}

function serverComponent({ version, sha256, modules: [itself, ...parts] }: ServerFacts): Component {
  return {
    type: "application",
    ...golangNames(itself?.path ?? "nats-server", version),
    name: "nats-server",
    version,
    licenses: [{ license: { id: "Apache-2.0" } }],
    hashes: [{ alg: "SHA-256", content: sha256 }],
    components: parts.map(({ path, version: partVersion, licence }) => ({
      type: "library",
      ...golangNames(path, partVersion),
      name: path,
      version: partVersion,
      licenses: [licenceChoice(licence)],
    })),
  };
}

function golangNames(path: string, version: string): Pick<Component, "bom-ref" | "purl"> {
  const purl = path === "std" ? `pkg:golang/std@${version}` : `pkg:golang/${path}@v${version}`;
  return { "bom-ref": purl, purl };
}

function partOf(parent: string, name: string, version: string): Component {
  return { type: "library", "bom-ref": `${parent}/${name}`, name, version, purl: `pkg:generic/${name}@${version}` };
}

function npmPurl(name: string, version: string): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

/** One licence by its name in the SPDX list, or an expression of some. */
function licenceChoice(licence: string): object {
  return /[\s()]/.test(licence) ? { expression: licence.replace(/^\((.*)\)$/, "$1") } : { license: { id: licence } };
}

function archiveHash(integrity: string): { readonly alg: string; readonly content: string } {
  const [, base64 = ""] = /^sha512-(\S+)/.exec(integrity) ?? [];
  return { alg: "SHA-512", content: Buffer.from(base64, "base64").toString("hex") };
}
