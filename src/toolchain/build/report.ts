// What a component is, for whoever has built it.

import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { listProviderInterfaces, type ProviderInterfaces } from "../../daemon/check-providers.ts";
import { HOST_INTERFACES } from "../../domain/host-interfaces.ts";
import type { Digest } from "../../domain/workload.ts";
import { unversioned } from "../../domain/wit-name.ts";
import type { InterfaceShape } from "../../lib/wit/type.ts";
import { inspectComponent } from "../../runtime/binary/component-binary.ts";
import { isBuiltin } from "../../runtime/wasi/names.ts";

export interface ReportedInterface {
  /** As the component names it, version included. */
  readonly name: string;
  readonly functions: readonly string[];
  /** An import of which `petiole` serves itself needs no link, one that lends only its types needs `nothing`. */
  readonly servedBy: "link" | "petiole" | "nothing";
  /** Types of the providers that a link may lead to, or come from; none where it is for another component. */
  readonly providers: readonly string[];
}

export interface ComponentFacts {
  readonly size: number;
  /** Compressed with gzip. */
  readonly gzip: number;
  readonly digest: Digest;
  readonly imports: readonly ReportedInterface[];
  readonly exports: readonly ReportedInterface[];
}

/** @throws PetioleError ERR_COMPONENT_INVALID */
export async function describeComponent(bytes: Uint8Array, file: string): Promise<ComponentFacts> {
  const { imports, exports } = inspectComponent(bytes, file);
  const types = await listProviderInterfaces();
  return {
    size: bytes.byteLength,
    gzip: gzipSync(bytes).byteLength,
    digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`,
    imports: imports.map((shape) => {
      const servedBy = whoServes(shape);
      return describe(shape, servedBy, servedBy === "link" ? offering(types, "serves", shape.name) : []);
    }),
    exports: exports.map((shape) => describe(shape, "link", offering(types, "calls", shape.name))),
  };
}

const describe = (
  { name, functions }: InterfaceShape,
  servedBy: ReportedInterface["servedBy"],
  providers: readonly string[],
): ReportedInterface => ({ name, functions: functions.map((one) => one.name), servedBy, providers });

function offering(types: readonly ProviderInterfaces[], what: "serves" | "calls", name: string): readonly string[] {
  const wanted = unversioned(name);
  return types.flatMap((one) => (one[what] !== "anything" && one[what].includes(wanted) ? [one.type] : []));
}

/** An interface without functions only lends its types; nothing has to serve it. */
export function whoServes({ name, functions }: InterfaceShape): ReportedInterface["servedBy"] {
  if (functions.length === 0) return "nothing";
  return isBuiltin(name) || HOST_INTERFACES.has(unversioned(name)) ? "petiole" : "link";
}
