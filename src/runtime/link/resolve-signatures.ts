// What core functions have to take and return to be used by the canonical ABI. V8 checks what core modules pass to each
// other; what JavaScript stands between has no type for it. CanonicalABI.md, "flatten_functype".

import { MalformedBinary } from "../binary/byte-reader.ts";
import { coreSignature, type CoreSignature } from "../binary/core-signatures.ts";
import type { CoreModule } from "../binary/definitions.ts";
import type { FunctionType, WitType } from "../../lib/wit/type.ts";
import { MAX_FLAT_PARAMS, MAX_FLAT_RESULTS, ShapeTable, type CoreType } from "./abi-shape.ts";
import type { CoreItem } from "./plan.ts";
import { UnsupportedComponent } from "./unsupported.ts";

export const REALLOC = coreSignature(["i32", "i32", "i32", "i32"], ["i32"]);
export const DESTRUCTOR = coreSignature(["i32"], []);
const BUILT_INS: Readonly<Record<"resource-new" | "resource-rep" | "resource-drop", CoreSignature>> = {
  "resource-new": coreSignature(["i32"], ["i32"]),
  "resource-rep": coreSignature(["i32"], ["i32"]),
  "resource-drop": coreSignature(["i32"], []),
};

interface Lifted {
  readonly core: CoreSignature;
  readonly postReturn: CoreSignature;
}

/** The signatures of core functions while a plan is made. */
export class Signatures {
  readonly #shapes = new ShapeTable();
  readonly #lowered: CoreSignature[] = [];
  readonly #instances: CoreModule[] = [];

  /** The next core instance is made of this module. */
  instantiated(module: CoreModule): void {
    this.#instances.push(module);
  }

  /** What of a function's type this linker cannot lay out; the functions below take no such type. */
  unsupported(type: FunctionType): string | undefined {
    try {
      this.#flatten(type);
      return undefined;
    } catch (error) {
      if (error instanceof UnsupportedComponent) return error.reason;
      throw error;
    }
  }

  /** The next lowered function is of this type. */
  lowered(type: FunctionType): void {
    const { params, result } = this.#flatten(type);
    const out = result.length > MAX_FLAT_RESULTS;
    this.#lowered.push(coreSignature(out ? [...params, "i32"] : params, out ? [] : result));
  }

  /** What is lifted to a function of this type. */
  lifted(type: FunctionType): Lifted {
    const { params, result } = this.#flatten(type);
    const results = result.length > MAX_FLAT_RESULTS ? ["i32"] : result;
    return { core: coreSignature(params, results), postReturn: coreSignature(results, []) };
  }

  /** @throws MalformedBinary unless it is a function that takes and returns what it has to */
  check(item: CoreItem | undefined, wanted: CoreSignature, use: string): void {
    if (item === undefined) return;
    const found = this.#of(item);
    if (found !== wanted)
      throw new MalformedBinary(`uses core function ${nameOf(item)} ${found} ${use}, want ${wanted}`);
  }

  /** What a core module imports as a function; V8 itself checks what another core module exports. */
  checkImport(item: CoreItem, { module, name, signature }: CoreModule["imports"][number]): void {
    if (signature === undefined || item.kind === "export") return;
    const given = this.#of(item);
    if (given !== signature) {
      throw new MalformedBinary(
        `has a core module that imports "${module}" "${name}" as ${signature}, and is given ${given}`,
      );
    }
  }

  #of(item: CoreItem): CoreSignature {
    if (item.kind === "lowered") return this.#lowered[item.lowered] ?? "unknown";
    if (item.kind !== "export") return BUILT_INS[item.kind];
    return this.#instances[item.instance]?.signatures.get(item.name) ?? "unknown";
  }

  #flatten({ params, result }: FunctionType): {
    readonly params: readonly CoreType[];
    readonly result: readonly CoreType[];
  } {
    const flat = params.flatMap(({ type }) => this.#flat(type));
    return {
      params: flat.length > MAX_FLAT_PARAMS ? ["i32"] : flat,
      result: result === undefined ? [] : this.#flat(result),
    };
  }

  /** Too many, when they are too many to be listed. */
  #flat(type: WitType): readonly CoreType[] {
    return this.#shapes.shape(type).flat ?? TOO_MANY;
  }
}

const TOO_MANY: readonly CoreType[] = Array<CoreType>(MAX_FLAT_PARAMS + 1).fill("i32");

function nameOf(item: CoreItem): string {
  return item.kind === "export" ? `"${item.name}"` : item.kind;
}
