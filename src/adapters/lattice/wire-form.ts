// Interfaces that pass resources have another form between hosts, as wasmCloud 1.x has settled it. Pure.

import { parseWitName } from "../../domain/wit-name.ts";
import type { RemoteFunction } from "../../host/ports.ts";
import { WitError } from "../../domain/errors.ts";
import type { FunctionType } from "../../lib/wit/type.ts";

/** How a function is called: at the other end, by what stands for it there, or not at all. */
export type WireForm =
  | { readonly kind: "there"; readonly remote: RemoteFunction }
  | { readonly kind: "here"; readonly answer: (args: readonly unknown[]) => unknown };

/** A bucket is its name on the way: opening one asks nobody. */
const KEY_VALUE_VERSION = "0.2.0-draft";
const KEY_VALUE = new Set(["store", "atomics", "batch"]);
/** What another draft has with other types, or what it has alone. A `cas` cannot be made, so there is none to swap. */
const OF_ONE_VERSION = new Set(["[method]bucket.list-keys", "increment", "[static]cas.new"]);

/** The form of what is called in `remote`, which has the types of the component that calls. */
export function wireForm(remote: RemoteFunction): WireForm {
  const name = parseWitName(remote.interfaceName);
  if (name?.namespace !== "wasi" || name.package !== "keyvalue" || !KEY_VALUE.has(name.interface)) {
    return { kind: "there", remote };
  }
  if (name.version !== undefined && name.version !== KEY_VALUE_VERSION && OF_ONE_VERSION.has(remote.functionName)) {
    return { kind: "here", answer: refuseVersion };
  }
  if (name.interface === "store" && remote.functionName === "open") return { kind: "here", answer: openBucket };
  return {
    kind: "there",
    remote: {
      ...remote,
      interfaceName: `wrpc:keyvalue/${name.interface}@${KEY_VALUE_VERSION}`,
      functionName: remote.functionName.replace(/^\[method\]bucket\./, ""),
      type: withBucketName(remote.type),
    },
  };
}

function refuseVersion(): never {
  throw new WitError({
    tag: "other",
    val: `between hosts it is done as wasi:keyvalue ${KEY_VALUE_VERSION} has it alone`,
  });
}

function openBucket([name]: readonly unknown[]): string {
  if (typeof name === "string" && name !== "") return name;
  throw new WitError({ tag: "no-such-store" });
}

/** The other end keeps what it knows of a type by the type itself. */
const named = new WeakMap<FunctionType, FunctionType>();

function withBucketName(type: FunctionType): FunctionType {
  const known = named.get(type);
  if (known !== undefined) return known;
  const made: FunctionType = {
    ...type,
    params: type.params.map((param) =>
      param.type.kind === "borrow" ? { name: param.name, type: { kind: "string" } } : param,
    ),
  };
  named.set(type, made);
  return made;
}
