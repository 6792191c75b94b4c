// The functions of built-in interfaces in the form that linked glue asks for, from the objects that implement them:
// functions by their JavaScript names, and a class for each resource, whose objects are the representations.

import { unversioned } from "../../domain/wit-name.ts";
import { camelCase, parseFunctionName, pascalCase } from "../../lib/wit/names.ts";
import type { GlueHost, HostFunction } from "./linked-glue.ts";

/** Implementations by unversioned interface name, then by JavaScript name. */
export type BuiltinInterfaces = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export interface HostFunctions {
  /** Undefined when the interface, or such a function of it, is not there. */
  find(interfaceName: string, functionName: string): HostFunction | undefined;
  readonly dropResource: GlueHost["dropResource"];
}

/** Names are those of the component: interfaces with their versions, functions as in WIT. */
export function createHostFunctions(interfaces: BuiltinInterfaces): HostFunctions {
  return {
    find: (interfaceName, functionName) => {
      const name = unversioned(interfaceName);
      const members = Object.hasOwn(interfaces, name) ? interfaces[name] : undefined;
      return members === undefined ? undefined : findMember(members, functionName);
    },
    // Representations of one resource may be of several classes; each knows how it ends.
    dropResource: (_interfaceName, _resourceName, representation) => {
      if (isDisposable(representation)) representation[Symbol.dispose]();
    },
  };
}

function findMember(members: Readonly<Record<string, unknown>>, functionName: string): HostFunction | undefined {
  const name = parseFunctionName(functionName);
  if (name.kind === "function") return asFunction(ownValue(members, camelCase(name.name)));
  const owner = ownValue(members, pascalCase(name.resource));
  if (typeof owner !== "function") return undefined;
  const type = owner as ResourceClass; // Members with such names are classes.
  if (name.kind === "constructor") return (...args: never[]) => new type(...args);
  const key = camelCase(name.name);
  if (name.kind === "static") {
    const found = asFunction(ownValue(type, key));
    return found === undefined ? undefined : (...args: never[]) => Reflect.apply(found, type, args) as unknown;
  }
  // What every object has is not meant, such as `toString`.
  return key in type.prototype && !(key in Object.prototype) ? method(key, type.prototype) : undefined;
}

interface ResourceClass {
  new (...args: never[]): object;
  readonly prototype: object;
}

type Representation = Readonly<Record<string, (...args: never[]) => unknown>>;

/** A function of the representation and the arguments. Most methods have few: those are passed without an array. */
function method(key: string, prototype: object): HostFunction {
  const declared = Reflect.get(prototype, key) as { readonly length: number };
  switch (declared.length) {
    case 0:
      return (self: Representation) => self[key]?.();
    case 1:
      return (self: Representation, a: never) => self[key]?.(a);
    case 2:
      return (self: Representation, a: never, b: never) => self[key]?.(a, b);
    default:
      return (self: Representation, ...args: never[]) => self[key]?.(...args);
  }
}

function ownValue(object: object, key: string): unknown {
  return Object.hasOwn(object, key) ? Reflect.get(object, key) : undefined;
}

function asFunction(value: unknown): HostFunction | undefined {
  return typeof value === "function" ? (value as HostFunction) : undefined; // What is called has checked arguments.
}

function isDisposable(value: unknown): value is Disposable {
  return typeof value === "object" && value !== null && Symbol.dispose in value;
}
