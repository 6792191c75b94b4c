// Makes the import objects of interfaces that are served outside the worker, from their description alone.

import { camelCase, parseFunctionName, pascalCase } from "../../lib/wit/names.ts";
import type { FunctionType, InterfaceFunction, InterfaceShape, Resource } from "../../lib/wit/type.ts";
import { convertValue, type ConvertOptions } from "../../lib/wit/value.ts";
import { ImportFailed } from "./guest-code.ts";
import type { ImportOutcome } from "./protocol.ts";

/** Asks the main thread, with plain values. */
export type ImportCaller = (
  interfaceName: string,
  functionName: string,
  args: readonly unknown[],
) => Promise<ImportOutcome>;

/** A class whose objects stand for representations that the main thread gave out. */
interface ResourceClass {
  new (...args: unknown[]): object;
  readonly prototype: object;
}

export class LinkedImports {
  readonly #call: ImportCaller;
  readonly #classes = new Map<Resource, ResourceClass>();
  readonly #representations = new WeakMap<object, unknown>();
  readonly #stream: (resource: Resource, value: unknown) => object | undefined;
  readonly #toMain: ConvertOptions = { handle: (resource, value) => this.#unwrap(resource, value) };
  readonly #toGuest: ConvertOptions = {
    handle: (resource, value) => this.#stream(resource, value) ?? this.#wrap(resource, value),
  };

  /** `stream` makes what stands for a stream; undefined for other resources. */
  constructor(
    call: ImportCaller,
    stream: (resource: Resource, value: unknown) => object | undefined = () => undefined,
  ) {
    this.#call = call;
    this.#stream = stream;
  }

  /** What the glue takes for the interface: functions by their JavaScript names, and a class for each resource. */
  object(shape: InterfaceShape): Readonly<Record<string, unknown>> {
    const members: Record<string, unknown> = {};
    for (const resource of shape.resources) members[pascalCase(resource.name)] = this.#classOf(resource);
    for (const declared of shape.functions) {
      const name = parseFunctionName(declared.name);
      const call = (...args: unknown[]) => this.#invoke(shape.name, declared, args);
      if (name.kind === "function") members[camelCase(name.name)] = call;
      else {
        const resource = shape.resources.find((one) => one.name === name.resource);
        if (resource === undefined) throw new Error(`"${shape.name}" has no resource "${name.resource}"`);
        const owner = this.#classOf(resource);
        if (name.kind === "method") {
          define(owner.prototype, camelCase(name.name), function method(this: object, ...args: unknown[]) {
            return call(this, ...args);
          });
        } else if (name.kind === "static") define(owner, camelCase(name.name), call);
        else define(owner, CONSTRUCT, call);
      }
    }
    return members;
  }

  async #invoke(interfaceName: string, { name, type }: InterfaceFunction, args: readonly unknown[]): Promise<unknown> {
    if (type === undefined) throw new Error(`"${interfaceName}" "${name}": its type is not known`);
    const plain = type.params.map((param, index) => convertValue(param.type, args[index], this.#toMain));
    const outcome = await this.#call(interfaceName, name, plain);
    switch (outcome.kind) {
      case "value":
        return this.#result(type, outcome.value);
      case "err":
        return { tag: "err", val: outcome.payload };
      case "failed":
      default:
        throw new ImportFailed(`"${interfaceName}" "${name}" failed`);
    }
  }

  /** Checked on the main thread already; here representations become objects. */
  #result({ result }: FunctionType, value: unknown): unknown {
    if (result === undefined) return undefined;
    if (result.kind !== "result") return convertValue(result, value, this.#toGuest);
    // In this form the glue takes it as it is; a bare ok value with a `tag` of its own would be taken for a result.
    return { tag: "ok", val: result.ok === undefined ? undefined : convertValue(result.ok, value, this.#toGuest) };
  }

  #classOf(resource: Resource): ResourceClass {
    const known = this.#classes.get(resource);
    if (known !== undefined) return known;
    // The glue awaits `new`, so a constructor may answer with the promise of an object. Objects that were given out are
    // made without it.
    const construct = function LinkedResource(...args: unknown[]): object {
      const called: unknown = Reflect.get(made, CONSTRUCT);
      if (typeof called !== "function") throw new TypeError(`"${resource.name}" has no constructor`);
      return called(...args) as object;
    };
    const made = construct as unknown as ResourceClass; // A function declared so can be called with `new`.
    this.#classes.set(resource, made);
    return made;
  }

  #wrap(resource: Resource, representation: unknown): object {
    const object = Object.create(this.#classOf(resource).prototype) as object; // Object.create() is typed `any`.
    this.#representations.set(object, representation);
    return object;
  }

  #unwrap(resource: Resource, object: unknown): unknown {
    if (typeof object === "object" && object !== null && this.#representations.has(object)) {
      return this.#representations.get(object);
    }
    throw new TypeError(`A handle is no ${resource.name} that was given out`);
  }
}

const CONSTRUCT = Symbol("construct");

function define(target: object, key: PropertyKey, value: unknown): void {
  Object.defineProperty(target, key, { value, configurable: true });
}
