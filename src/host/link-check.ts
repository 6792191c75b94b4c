import { PetioleError } from "../domain/errors.ts";
import { HOST_INTERFACES } from "../domain/host-interfaces.ts";
import { unversioned } from "../domain/wit-name.ts";
import type { ComponentId, ComponentSpec, Digest, LinkSpec } from "../domain/workload.ts";
import { misfitOf } from "../lib/wit/fit.ts";
import type { Interfaces } from "../provider/contract.ts";
import type { PreparedComponent } from "../runtime/contract.ts";

/** @throws PetioleError ERR_COMPONENT_DIGEST when the file is another one than the specification names */
export function checkDigest({ id, file, digest }: ComponentSpec, found: Digest): void {
  if (digest === undefined || digest === found) return;
  throw new PetioleError(
    "ERR_COMPONENT_DIGEST",
    `Cannot start component "${id}" from "${file}": found ${found}, want ${digest}`,
  );
}

/**
 * Links are deny-by-default: every import of a component is served by the runtime or by a link.
 * @throws PetioleError ERR_LINK_MISSING naming every import that is not
 */
export function checkImports(
  id: ComponentId,
  imports: readonly string[],
  builtin: ReadonlySet<string>,
  links: readonly LinkSpec[],
): void {
  const linked = new Set(links.filter((link) => link.source === id).flatMap((link) => link.interfaces));
  const missing = imports.filter((name) => {
    const key = unversioned(name);
    return !builtin.has(key) && !linked.has(key) && !HOST_INTERFACES.has(key);
  });
  if (missing.length === 0) return;
  throw new PetioleError(
    "ERR_LINK_MISSING",
    `Cannot start component "${id}": it imports ${missing.join(", ")}, and no link of the component serves ` +
      (missing.length === 1 ? "it" : "them"),
  );
}

/** @throws PetioleError ERR_EXPORT_MISSING naming the interfaces that the component lacks */
export function checkExports(link: LinkSpec, exports: readonly string[]): void {
  const exported = new Set(exports.map(unversioned));
  const missing = link.interfaces.filter((name) => !exported.has(name));
  if (missing.length === 0) return;
  throw new PetioleError(
    "ERR_EXPORT_MISSING",
    `Cannot link "${link.source}" to component "${link.target}": it does not export ${missing.join(", ")}`,
  );
}

/** @throws PetioleError ERR_LINK_INVALID naming the interfaces that the provider does not have */
export function checkProvider(link: LinkSpec, provider: string, has: Interfaces, verb: "serve" | "call"): void {
  if (has === "anything") return;
  const missing = link.interfaces.filter((name) => !has.includes(name));
  if (missing.length === 0) return;
  throw new PetioleError(
    "ERR_LINK_INVALID",
    `Cannot link "${link.source}" to "${link.target}": provider "${provider}" does not ${verb} ${missing.join(", ")}, ` +
      `it has ${has.length === 0 ? "nothing to " + verb : has.join(", ")}`,
  );
}

/**
 * Checks a link between two components by what each of them has.
 * @throws PetioleError ERR_EXPORT_MISSING, ERR_LINK_INVALID when a function has other types or passes a resource
 */
export function checkFit(link: LinkSpec, source: PreparedComponent, target: PreparedComponent): void {
  checkExports(link, target.exports);
  for (const name of link.interfaces) {
    const misfit = misfitOf(name, source.shapes.imports, target.shapes.exports);
    if (misfit === undefined) continue;
    throw new PetioleError("ERR_LINK_INVALID", `Cannot link "${link.source}" to "${link.target}": ${misfit}`);
  }
}
