// What can be called of a component, and with what arguments.

import { PetioleError } from "../domain/errors.ts";
import { unversioned } from "../domain/wit-name.ts";
import { OversizedValue, ValueMeter, type ValueBounds } from "./value-meter.ts";
import { listFunctions } from "../lib/wit/functions.ts";
import type { InterfaceShape } from "../lib/wit/type.ts";
import { MisfitValue, converterOf, type ConvertOptions, type Converter } from "../lib/wit/value.ts";

export interface CallTarget {
  readonly number: number;
  readonly name: string;
  readonly params: readonly { readonly name: string; readonly convert: Converter }[];
}

export class CallTargets {
  readonly #id: string;
  readonly #meter: ValueMeter;
  readonly #interfaces = new Map<string, Map<string, CallTarget>>();
  readonly #options: ConvertOptions;

  constructor(id: string, exports: readonly InterfaceShape[], bounds: ValueBounds) {
    this.#id = id;
    this.#meter = new ValueMeter(bounds);
    this.#options = {
      handle: (resource) => {
        throw new MisfitValue(`a ${resource.name} cannot be given to a component`);
      },
      measure: this.#meter.measure,
    };
    for (const shape of exports) this.#interfaces.set(unversioned(shape.name), new Map());
    for (const [number, { interfaceId, name, type }] of listFunctions(exports).entries()) {
      if (type === undefined) continue;
      const params = type.params.map((param) => ({ name: param.name, convert: converterOf(param.type) }));
      this.#interfaces.get(interfaceId)?.set(name, { number, name, params });
    }
  }

  /** @throws PetioleError ERR_EXPORT_MISSING */
  find(interfaceName: string, functionName: string): CallTarget {
    const functions = this.#interfaces.get(interfaceName) ?? this.#interfaces.get(unversioned(interfaceName));
    const target = functions?.get(functionName);
    if (target !== undefined) return target;
    throw new PetioleError(
      "ERR_EXPORT_MISSING",
      `Cannot call "${functionName}" of component "${this.#id}": ` +
        (functions === undefined
          ? `it does not export "${interfaceName}"`
          : `"${interfaceName}" has no such function that petiole can call`),
    );
  }

  /**
   * Copies the arguments, so that the caller may change its own afterwards.
   * @throws PetioleError ERR_LINK_INVALID, ERR_COMPONENT_MEMORY
   */
  check(target: CallTarget, args: readonly unknown[]): readonly unknown[] {
    this.#meter.reset();
    const checked: unknown[] = [];
    for (const [index, param] of target.params.entries()) {
      try {
        checked.push(param.convert(args[index], this.#options));
      } catch (error) {
        if (error instanceof OversizedValue) {
          throw new PetioleError(
            "ERR_COMPONENT_MEMORY",
            `Cannot call "${target.name}" of component "${this.#id}": its arguments ${error.message}`,
            { cause: error },
          );
        }
        if (!(error instanceof MisfitValue)) throw error;
        throw new PetioleError(
          "ERR_LINK_INVALID",
          `Cannot call "${target.name}" of component "${this.#id}": argument "${param.name}" does not fit: ${error.message}`,
          { cause: error },
        );
      }
    }
    return checked;
  }
}
