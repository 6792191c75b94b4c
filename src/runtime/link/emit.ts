// Writes the script that instantiates a component and stands between it and the host: the canonical ABI, written out for
// the component's types, so that a call interprets nothing. What is equal for all components is in abi.ts.
//
// Two variables guard each component instance, as the canonical ABI wants it. `e…` is true while a call of it is under
// way; a call that goes wrong leaves it so, and the instance cannot be entered again. `l…` is true while it may call
// imports: not while the host works for it.

import type { FunctionType, Resource } from "../../lib/wit/type.ts";
import { abi } from "./abi.ts";
import { emitChecks } from "./emit-check.ts";
import { emitLifted, emitLowered, lendsAndGives, resourcesOf, type Lifted, type Signature } from "./emit-functions.ts";
import type { Source } from "./emit-load.ts";
import type { Target } from "./emit-store.ts";
import { findWaiting, type Waiting, type Waits } from "./emit-waiting.ts";
import { GlueWriter } from "./emit-writer.ts";
import type { CanonOptions, ComponentFunction, CoreItem, LinkPlan, LinkStep } from "./plan.ts";
import { UnsupportedComponent } from "./unsupported.ts";

export interface EmitOptions {
  /** True for imports that may return a promise; the component is suspended until it is settled. */
  readonly waits: Waits;
}

const MAX_PARAMS = 1000;

type Step<K extends LinkStep["kind"]> = LinkStep & { readonly kind: K };

/**
 * The text of a script that evaluates to `LinkedInstantiate`.
 * @throws UnsupportedComponent
 */
export function emitGlue(plan: LinkPlan, options: EmitOptions): string {
  return new Emitter(plan, options.waits).emit();
}

class Emitter {
  readonly #plan: LinkPlan;
  readonly #waits: Waits;
  readonly #waiting: Waiting;
  readonly #glue = new GlueWriter();
  readonly #resources: ReadonlyMap<Resource, number>;
  readonly #lifted: Lifted[] = [];
  /** Names of core functions that `lower` steps made. */
  readonly #lowered: string[] = [];
  readonly #builtins = new Map<string, string>();
  readonly #imported = new Map<string, string>();

  constructor(plan: LinkPlan, waits: Waits) {
    this.#plan = plan;
    this.#waits = waits;
    this.#waiting = findWaiting(plan, waits);
    this.#resources = new Map([...plan.resources.keys()].map((resource, index) => [resource, index + 1]));
    this.#glue.variable("left", "0");
    this.#glue.variable("room", "0");
    this.#glue.variable("length", "0");
  }

  emit(): string {
    let instances = 0;
    for (const step of this.#plan.steps) {
      if (step.kind === "instantiate") this.#instantiate(step, instances++);
      else if (step.kind === "lower") this.#lower(step);
      else this.#lift(step);
    }
    return this.#glue.finish(Object.keys(abi), this.#exports());
  }

  #instantiate(step: Step<"instantiate">, number: number): void {
    const modules = new Map<string, Map<string, string>>();
    for (const { module, name, item } of step.imports) {
      const members = modules.get(module) ?? new Map<string, string>();
      modules.set(module, members.set(name, this.#item(item)));
    }
    const imports = objectOf(
      this.#glue,
      new Map([...modules].map(([name, members]) => [name, objectOf(this.#glue, members)])),
    );
    this.#glue.variable(`i${number}`);
    this.#glue.step(`i${number} = host.instantiateCore(host.coreModule(${step.module}), ${imports}).exports;`);
  }

  #lower(step: Step<"lower">): void {
    const number = this.#lowered.length;
    const name = `w${number}`;
    const waits = this.#waiting.lowers[number] ?? false;
    const signature = this.#signature(step.type);
    const imported = this.#importedName(step.target, signature);
    this.#glue.function(
      emitLowered(this.#glue, name, {
        signature,
        callee: this.#callee(step.target),
        imported,
        source: this.#source(step.options, step.owner, lendsAndGives(signature)),
        target: this.#target(step.options, step.owner),
        waits,
      }),
    );
    this.#lowered.push(this.#suspending(name, waits));
  }

  #lift(step: Step<"lift">): void {
    const number = this.#lifted.length;
    const waits = this.#waiting.lifts[number] ?? false;
    const { postReturn } = step.options;
    this.#lifted.push({
      number,
      signature: this.#signature(step.type),
      core: this.#glue.coreFunction(exportedItem(step.core), waits),
      postReturn: postReturn === undefined ? undefined : this.#glue.coreFunction(exportedItem(postReturn)),
      target: this.#target(step.options, step.owner),
      source: this.#source(step.options, step.owner, false),
      entered: this.#entered(step.owner),
      waits,
    });
  }

  #item(item: CoreItem): string {
    if (item.kind === "export") return this.#glue.exportOf(item);
    if (item.kind === "lowered") return found(this.#lowered[item.lowered], "lowered function");
    const key = `${item.kind} ${item.owner} ${this.#numberOf(item.resource)}`;
    const known = this.#builtins.get(key);
    if (known !== undefined) return known;
    const made = this.#builtin(item, `b${this.#builtins.size}`);
    this.#builtins.set(key, made);
    return made;
  }

  #builtin(item: Exclude<CoreItem, { readonly kind: "export" | "lowered" }>, name: string): string {
    const handles = this.#handles(item.owner);
    const leaves = this.#leaves(item.owner);
    const resource = this.#numberOf(item.resource);
    if (item.kind === "resource-rep") {
      this.#glue.function(`function ${name}(h) { return ${handles}.representation(${resource}, h | 0); }`);
      return name;
    }
    const guard = `if (!${leaves}) trap("the component called a built-in function where it must not");`;
    // Stays so when the component uses a handle that it does not have, and catches the trap.
    const work = (text: string): string => `${leaves} = false;\n${text}\n${leaves} = true;`;
    if (item.kind === "resource-new") {
      const make = work(`var h = ${handles}.own(${resource}, r | 0);`);
      this.#glue.function(`function ${name}(r) {\n${guard}\n${make}\nreturn h;\n}`);
      return name;
    }
    const drop = work(`var r = ${handles}.drop(${resource}, h | 0);`);
    const end = this.#destruction(item.resource, item.owner);
    this.#glue.function(`function ${name}(h) {\n${guard}\n${drop}\n${end}\n}`);
    return this.#suspending(name, this.#waiting.destructors.has(item.resource));
  }

  /** Statements that end the resource whose representation is `r`, if that is defined. */
  #destruction(resource: Resource, owner: number): string {
    const origin = this.#origin(resource);
    if (origin.kind === "host") {
      const names = `${this.#glue.text(origin.interfaceName)}, ${this.#glue.text(resource.name)}`;
      const leaves = this.#leaves(owner);
      return `if (r !== undefined) { ${leaves} = false; host.dropResource(${names}, r); ${leaves} = true; }`;
    }
    if (origin.destructor === undefined) return "";
    const waits = this.#waiting.destructors.has(resource);
    const destructor = this.#glue.coreFunction(exportedItem(origin.destructor), waits);
    // An instance that drops what it defined itself is entered already.
    if (origin.owner === owner) return `if (r !== undefined) return ${destructor}(r);`;
    const entered = this.#entered(origin.owner);
    const enter = `if (${entered}) trap("the component cannot be entered to end a resource");\n${entered} = true;`;
    const call = waits
      ? `return ${destructor}(r).then(() => { ${entered} = false; });`
      : `${destructor}(r);\n${entered} = false;`;
    return `if (r === undefined) return;\n${enter}\n${call}`;
  }

  #suspending(name: string, waits: boolean): string {
    if (!waits) return name;
    const suspending = this.#glue.variable(`s_${name}`);
    this.#glue.step(`${suspending} = new WebAssembly.Suspending(${name});`);
    return suspending;
  }

  /** The function that `target` is, for arguments that fit. */
  #callee(target: ComponentFunction): string {
    if (target.kind === "lifted") {
      const lifted = found(this.#lifted[target.lifted], "lifted function");
      return this.#glue.helper(`call ${target.lifted}`, (name) => emitLifted(this.#glue, name, lifted, false));
    }
    const names = `${this.#glue.text(target.interfaceName)}, ${this.#glue.text(target.functionName)}`;
    // The host is asked once for each function.
    const known = this.#imported.get(names);
    if (known !== undefined) return known;
    const variable = this.#glue.variable(`h${this.#imported.size}`);
    this.#imported.set(names, variable);
    this.#glue.step(`${variable} = host.hostFunction(${names});`);
    return variable;
  }

  /** `exported`, with a function for each export. */
  #exports(): string {
    const interfaces = new Map<string, Map<string, number>>();
    const functions = this.#plan.exported.map(({ interfaceName, functionName, target }, index) => {
      const members = interfaces.get(interfaceName) ?? new Map<string, number>();
      interfaces.set(interfaceName, members.set(functionName, index));
      return this.#exported(target);
    });
    const entries = [...interfaces].map(([name, members]) => {
      const inner = [...members].map(([member, index]) => `[${this.#glue.text(member)}, ${index}]`);
      return `[${this.#glue.text(name)}, new Map([${inner.join(", ")}])]`;
    });
    const table = this.#glue.constant(`new Map([${entries.join(", ")}])`);
    this.#glue.step(`var exported = [${functions.join(", ")}];`);
    const lookUp = `${table}.get(interfaceName)?.get(functionName)`;
    return `{ exported(interfaceName, functionName) { return exported[${lookUp}]; } }`;
  }

  #exported(target: ComponentFunction): string {
    if (target.kind === "import") return this.#passedOn(target);
    const lifted = found(this.#lifted[target.lifted], "lifted function");
    return this.#glue.helper(`export ${target.lifted}`, (name) => {
      const kept = [...resourcesOf(lifted.signature)].find((resource) => this.#origin(resource).kind === "guest");
      if (kept !== undefined) return `function ${name}() { stays(${this.#glue.text(kept.name)}); }`;
      return emitLifted(this.#glue, name, lifted, true);
    });
  }

  /** An import that is exported as it is. */
  #passedOn(target: ComponentFunction & { readonly kind: "import" }): string {
    const signature = this.#signature(target.type);
    const imported = this.#glue.text(found(this.#importedName(target, signature), "name of an import"));
    const callee = this.#callee(target);
    const args = signature.params.map((_, index) => `a${index}`);
    const check = emitChecks(
      this.#glue,
      signature.params.map((param, index) => ({ step: `.${param.name}`, shape: param.shape, value: `a${index}` })),
    );
    const answer =
      signature.result === undefined
        ? ""
        : `try {\n${emitChecks(this.#glue, [{ step: "", shape: signature.result, value: "r" }])}\n` +
          `} catch (error) { answer(${imported}, error); }\nreturn r;`;
    const [prefix, wait] = this.#waits(target.interfaceName, target.functionName) ? ["async ", "await "] : ["", ""];
    return this.#glue.helper(
      `pass on ${imported}`,
      (name) =>
        `${prefix}function ${name}(${args.join(", ")}) {\n${check}\nvar r = ${wait}${callee}(${args.join(", ")});\n${answer}\n}`,
    );
  }

  #importedName(target: ComponentFunction, signature: Signature): string | undefined {
    if (target.kind !== "import") return undefined;
    if ([...resourcesOf(signature)].some((resource) => this.#origin(resource).kind === "guest")) {
      throw new UnsupportedComponent("an import that takes a resource which the component defines itself");
    }
    return `${target.interfaceName}#${target.functionName}`;
  }

  #signature({ params, result }: FunctionType): Signature {
    if (params.length > MAX_PARAMS) throw new UnsupportedComponent(`a function of ${params.length} parameters`);
    const { shapes } = this.#glue;
    return {
      params: params.map(({ name, type }) => ({ name, shape: shapes.shape(type) })),
      result: result === undefined ? undefined : shapes.shape(result),
    };
  }

  #source(options: CanonOptions, owner: number, lends: boolean): Source {
    const memory = options.memory === undefined ? undefined : this.#glue.memory(exportedItem(options.memory));
    return {
      key: `${memory?.memory} ${options.encoding} ${owner} ${lends}`,
      memory,
      encoding: options.encoding,
      handles: this.#handles(owner),
      lends,
      numberOf: (resource) => this.#numberOf(resource),
    };
  }

  #target(options: CanonOptions, owner: number): Target {
    const memory = options.memory === undefined ? undefined : this.#glue.memory(exportedItem(options.memory));
    const realloc = options.realloc === undefined ? undefined : this.#glue.coreFunction(exportedItem(options.realloc));
    return {
      key: `${memory?.memory} ${realloc} ${options.encoding} ${owner}`,
      memory,
      realloc,
      encoding: options.encoding,
      handles: this.#handles(owner),
      leaves: this.#leaves(owner),
      numberOf: (resource) => this.#numberOf(resource),
      defines: (resource) => {
        const origin = this.#origin(resource);
        return origin.kind === "guest" && origin.owner === owner;
      },
    };
  }

  #handles(owner: number): string {
    return this.#glue.variable(`t_${owner}`, "createHandles()");
  }

  #entered(owner: number): string {
    return this.#glue.variable(`e${owner}`, "false");
  }

  #leaves(owner: number): string {
    return this.#glue.variable(`l${owner}`, "true");
  }

  #numberOf(resource: Resource): number {
    return found(this.#resources.get(resource), "resource");
  }

  #origin(resource: Resource) {
    return found(this.#plan.resources.get(resource), "resource");
  }
}

/** Core functions and memories of lifts and lowers come from core instances. */
function exportedItem(item: CoreItem): CoreItem & { readonly kind: "export" } {
  if (item.kind !== "export") throw new UnsupportedComponent("a canonical function of a function that no module has");
  return item;
}

function objectOf(glue: GlueWriter, members: ReadonlyMap<string, string>): string {
  return `{ ${[...members].map(([name, value]) => `${glue.property(name)}: ${value}`).join(", ")} }`;
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`The plan names a ${what} that it does not have`);
  return value;
}
