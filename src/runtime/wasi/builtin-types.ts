// Whether what a component imports of a built-in interface has the type that the code behind it was written for.

import { unversioned } from "../../domain/wit-name.ts";
import type { FunctionType, Resource, WitType } from "../../lib/wit/type.ts";
import { SIGNATURES, TYPES } from "./builtin-signatures.ts";

/** What is wanted of a function; undefined when no built-in interface has it. Interface names may have versions. */
export function builtinSignature(interfaceName: string, functionName: string): string | undefined {
  const name = unversioned(interfaceName);
  const functions = Object.hasOwn(SIGNATURES, name) ? SIGNATURES[name] : undefined;
  const signature =
    functions !== undefined && Object.hasOwn(functions, functionName) ? functions[functionName] : undefined;
  return signature === undefined ? undefined : expand(signature);
}

/** Compares by structure and by names. `ours` says whether handles of a resource stand for what built-in code made. */
export function fitsSignature(
  { params, result }: FunctionType,
  signature: string,
  ours: (resource: Resource) => boolean,
): boolean {
  const cursor = new Cursor(signature, ours);
  const types = params.map(({ type }) => type);
  return (
    cursor.eat("(") &&
    cursor.all(types, ")", (type) => cursor.type(type)) &&
    cursor.eat("->") &&
    cursor.maybe(result) &&
    cursor.done
  );
}

function expand(text: string): string {
  return text.replace(/\$([\w-]+)/g, (_, name: string) => expand(TYPES[name] ?? "unknown"));
}

/** Reads a signature against a type. Ends at the first difference, so that a type of any size costs no more than it. */
class Cursor {
  readonly #text: string;
  readonly #ours: (resource: Resource) => boolean;
  #at = 0;

  constructor(text: string, ours: (resource: Resource) => boolean) {
    this.#text = text;
    this.#ours = ours;
  }

  get done(): boolean {
    return this.#at === this.#text.length;
  }

  eat(wanted: string): boolean {
    if (!this.#text.startsWith(wanted, this.#at)) return false;
    this.#at += wanted.length;
    return true;
  }

  all<T>(items: readonly T[], end: string, item: (one: T) => boolean): boolean {
    return items.every((one, index) => (index === 0 || this.eat(",")) && item(one)) && this.eat(end);
  }

  maybe(type: WitType | undefined): boolean {
    return type === undefined ? this.eat("_") : this.type(type);
  }

  type(type: WitType): boolean {
    switch (type.kind) {
      case "record":
        return (
          this.eat("record{") &&
          this.all(type.fields, "}", (field) => this.eat(`${field.name}:`) && this.type(field.type))
        );
      case "variant":
        return (
          this.eat("variant{") &&
          this.all(
            type.cases,
            "}",
            (one) =>
              this.eat(one.name) && (one.type === undefined || (this.eat("(") && this.type(one.type) && this.eat(")"))),
          )
        );
      case "enum":
      case "flags":
        return this.eat(`${type.kind}{`) && this.all(type.names, "}", (name) => this.eat(name));
      case "list":
        return this.eat("list<") && this.type(type.element) && this.eat(">");
      case "option":
        return this.eat("option<") && this.type(type.some) && this.eat(">");
      case "tuple":
        return this.eat("tuple<") && this.all(type.elements, ">", (element) => this.type(element));
      case "result":
        return this.eat("result<") && this.maybe(type.ok) && this.eat(",") && this.maybe(type.err) && this.eat(">");
      case "own":
      case "borrow":
        return this.eat(`${type.kind}<${type.resource.name}>`) && this.#ours(type.resource);
      case "unsupported":
        return false;
      case "bool":
      case "char":
      case "string":
      case "u8":
      case "u16":
      case "u32":
      case "u64":
      case "s8":
      case "s16":
      case "s32":
      case "s64":
      case "f32":
      case "f64":
      default:
        return this.eat(type.kind);
    }
  }
}
