// Serves what guests import: asks the host, checks its answers.

import { PetioleError, WitError } from "../domain/errors.ts";
import type { EgressRequest } from "../lib/http-egress.ts";
import type { InstanceOptions } from "./contract.ts";
import { OversizedValue, ValueMeter, type ValueBounds } from "./value-meter.ts";
import { findStreams } from "../lib/wit/streams.ts";
import { listFunctions } from "../lib/wit/functions.ts";
import type { ByteReader, ByteWriter } from "../lib/byte-streams.ts";
import type { InterfaceShape, Resource, WitType } from "../lib/wit/type.ts";
import { MisfitValue, converterOf, type ConvertOptions, type Converter } from "../lib/wit/value.ts";
import type { HeldResources } from "./held-resources.ts";
import type { StreamEnds } from "./stream-ends.ts";
import type { EgressAnswer, ImportOutcome } from "./worker/protocol.ts";

export interface ImportServer {
  /** Calls the import of that number. Rejects with what the guest's call is to fail with. */
  serve(target: number, args: readonly unknown[], given: Given): Promise<ImportOutcome>;
  /** Nobody holds the resource any more: tells who serves it. */
  drop(interfaceId: string, resource: string, representation: unknown): void;
  egress(request: EgressRequest): Promise<EgressAnswer>;
}

/** What of an instance lasts longer than a call. */
export interface Given {
  readonly streams: StreamEnds;
  readonly held: HeldResources;
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
  const { kindOf, owners } = findStreams(shapes);
  const watched = owners.size > 0;
  const copy = (converter: Converter, value: unknown, given: Given): unknown => {
    meter.reset();
    return converter(value, watched ? { handle: giving(given), measure: meter.measure } : options);
  };
  const giving =
    ({ streams, held }: Given): ConvertOptions["handle"] =>
    (resource, value) => {
      const kind = kindOf(resource);
      if (kind === "input") return streams.read(asReader(value));
      if (kind === "output") return streams.write(asWriter(value));
      const plain = representation(resource, value);
      const owner = owners.get(resource);
      if (owner !== undefined) held.add(owner, resource.name, plain);
      return plain;
    };
  /** Resources that the function takes away from the component, by the index of the argument. */
  const takenBy = (params: readonly { readonly type: WitType }[]): (readonly [index: number, resource: Resource])[] =>
    params.flatMap(({ type }, index) =>
      type.kind === "own" && owners.has(type.resource) ? [[index, type.resource] as const] : [],
    );
  const imports = listFunctions(shapes).map(({ interfaceName, interfaceId, name, type }) => {
    const result = type?.result;
    return {
      interfaceName,
      interfaceId,
      name,
      taken: takenBy(type?.params ?? []),
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
    drop(interfaceId, resource, value) {
      // Whoever does not care for it has no such function.
      onImport(interfaceId, `[resource-drop]${resource}`, [value]).catch(() => {});
    },
    async serve(target, args, given) {
      const called = imports[target];
      if (called === undefined) throw new PetioleError("ERR_INVARIANT", `Cannot serve import number ${target}`);
      const { interfaceName, interfaceId, name, taken, ok, err } = called;
      for (const [index, resource] of taken) given.held.remove(owners.get(resource) ?? "", resource.name, args[index]);
      try {
        const value = await onImport(interfaceId, name, args);
        return { kind: "value", value: copy(ok, value, given) };
      } catch (error) {
        try {
          if (error instanceof WitError && err !== undefined) {
            return { kind: "err", payload: copy(err, error.payload, given) };
          }
        } catch (misfit) {
          throw asPetioleError(misfit, interfaceName, name);
        }
        throw asPetioleError(error, interfaceName, name);
      }
    },
  };
}

function asReader(value: unknown): ByteReader {
  if (typeof value === "object" && value !== null && Symbol.asyncIterator in value) return value as ByteReader;
  throw new MisfitValue("what stands for an input-stream has to be an async iterable of bytes");
}

function asWriter(value: unknown): ByteWriter {
  const has = (key: string): boolean => typeof Reflect.get(Object(value) as object, key) === "function";
  if (has("write") && has("close") && has("abort")) return value as ByteWriter;
  throw new MisfitValue("what stands for an output-stream has to be a writer of bytes");
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
