// Serves what guests import: asks the host, checks its answers.

import { PetioleError, WitError } from "../domain/errors.ts";
import type { EgressRequest } from "../lib/http-egress.ts";
import type { InstanceOptions } from "./contract.ts";
import { OversizedValue, ValueMeter, type ValueBounds } from "./value-meter.ts";
import { listFunctions } from "../lib/wit/functions.ts";
import type { InterfaceShape, WitType } from "../lib/wit/type.ts";
import { MisfitValue, converterOf, type ConvertOptions, type Converter } from "../lib/wit/value.ts";
import type { EgressAnswer, ImportOutcome } from "./worker/protocol.ts";

export interface ImportServer {
  /** Calls the import of that number. Rejects with what the guest's call is to fail with. */
  serve(target: number, args: readonly unknown[]): Promise<ImportOutcome>;
  egress(request: EgressRequest): Promise<EgressAnswer>;
}

// Representations pass as the provider made them, as far as they can be sent at all.
const representation: ConvertOptions["handle"] = (resource, value) => {
  try {
    return structuredClone(value);
  } catch {
    throw new MisfitValue(`the representation of a ${resource.name} has to be a plain value`);
  }
};

const nothing: Converter = () => undefined;
const convert = (type: WitType | undefined): Converter => (type === undefined ? nothing : converterOf(type));

export function createImportServer(
  shapes: readonly InterfaceShape[],
  bounds: ValueBounds,
  { onImport, onEgress }: Pick<InstanceOptions, "onImport" | "onEgress">,
): ImportServer {
  const meter = new ValueMeter(bounds);
  const options: ConvertOptions = { handle: representation, measure: meter.measure };
  const copy = (converter: Converter, value: unknown): unknown => {
    meter.reset();
    return converter(value, options);
  };
  const imports = listFunctions(shapes).map(({ interfaceName, interfaceId, name, type }) => {
    const result = type?.result;
    return {
      interfaceName,
      interfaceId,
      name,
      ok: convert(result?.kind === "result" ? result.ok : result),
      // Undefined when the function declares no `err`.
      err: result?.kind === "result" ? convert(result.err) : undefined,
    };
  });
  return {
    async egress(request) {
      try {
        return { kind: "permit", permit: await onEgress?.(request) };
      } catch (error) {
        // What a component is linked to may not be there: to it, that is a gateway which does not work.
        const code = error instanceof WitError ? error.payload : { tag: "destination-unavailable" };
        return { kind: "refused", code };
      }
    },
    async serve(target, args) {
      const called = imports[target];
      if (called === undefined) throw new PetioleError("ERR_INVARIANT", `Cannot serve import number ${target}`);
      const { interfaceName, interfaceId, name, ok, err } = called;
      try {
        const value = await onImport(interfaceId, name, args);
        return { kind: "value", value: copy(ok, value) };
      } catch (error) {
        try {
          if (error instanceof WitError && err !== undefined) {
            return { kind: "err", payload: copy(err, error.payload) };
          }
        } catch (misfit) {
          throw asPetioleError(misfit, interfaceName, name);
        }
        throw asPetioleError(error, interfaceName, name);
      }
    },
  };
}

function asPetioleError(error: unknown, interfaceName: string, functionName: string): PetioleError {
  if (error instanceof PetioleError) return error;
  const what = `"${functionName}" of "${interfaceName}"`;
  if (error instanceof OversizedValue) {
    const message = `Cannot serve ${what}: parts of the capability's answer ${error.message}`;
    return new PetioleError("ERR_COMPONENT_MEMORY", message, { cause: error });
  }
  const found =
    error instanceof MisfitValue
      ? `the capability's answer does not fit: ${error.message}`
      : error instanceof WitError
        ? "it failed with a WIT error, which the function does not declare"
        : error instanceof Error
          ? error.message
          : String(error);
  return new PetioleError("ERR_INVARIANT", `Cannot serve ${what}: ${found}`, { cause: error });
}
