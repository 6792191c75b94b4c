// Code of the functions that stand between a component and the host, or between two components.

import type { Resource } from "../../lib/wit/type.ts";
import { MAX_FLAT_PARAMS, MAX_FLAT_RESULTS, type Shape } from "./abi-shape.ts";
import { emitChecks } from "./emit-check.ts";
import { emitAllowance, emitLiftFlat, emitLoad, type Source } from "./emit-load.ts";
import { emitAllocator, emitLowerFlat, emitStore, type Target } from "./emit-store.ts";
import { Block, misplaced, type GlueWriter } from "./emit-writer.ts";

/** Parameters and result of a function. */
export interface Signature {
  readonly params: readonly { readonly name: string; readonly shape: Shape }[];
  readonly result: Shape | undefined;
}

export interface Lifted {
  /** Which `lift` step it is of. */
  readonly number: number;
  readonly signature: Signature;
  /** Variables of the core function, and of the function to be called when the result was taken. */
  readonly core: string;
  readonly postReturn: string | undefined;
  readonly target: Target;
  readonly source: Source;
  /** The variable that says that a call of the component instance is under way. */
  readonly entered: string;
  /** The core function returns a promise. */
  readonly waits: boolean;
}

/** A function that calls a component. With `checked` for arguments that come from the host. */
export function emitLifted(glue: GlueWriter, name: string, lifted: Lifted, checked: boolean): string {
  const { number, signature, core, target, entered, waits } = lifted;
  const { params } = signature;
  const args = params.map((_, index) => `a${index}`);
  const block = new Block();
  if (checked) {
    const parts = params.map((param, index) => ({ step: `.${param.name}`, shape: param.shape, value: `a${index}` }));
    block.add(emitChecks(glue, parts));
  }
  block.add(`if (${entered}) trap("the component cannot be entered: a call of it did not end, or went wrong");`);
  block.add(`${entered} = true;`);

  const flat = flatCount(params);
  const passed: string[] = [];
  if (flat <= MAX_FLAT_PARAMS) {
    params.forEach(({ shape }, index) => passed.push(...emitLowerFlat(glue, target, shape, `a${index}`, block)));
  } else {
    const tuple = glue.shapes.tuple(params.map(({ shape }) => shape));
    const pointer = block.keep(`${emitAllocator(glue, target)}(${tuple.align}, ${tuple.size})`);
    tuple.fields.forEach(({ shape, offset }, index) =>
      emitStore(glue, target, shape, `a${index}`, { block, pointer, offset }),
    );
    passed.push(pointer);
  }

  const call = `${core}(${passed.join(", ")})`;
  if (waits) {
    // The same function for all calls: what comes after a call needs nothing of it but its result.
    const finish = glue.helper(`finish ${number}`, (finisher) => {
      const end = new Block();
      finishCall(glue, lifted, end);
      return `function ${finisher}(r) {\n${end.text}\n}`;
    });
    block.add(`return ${call}.then(${finish});`);
  } else {
    block.add(`var r = ${call};`);
    finishCall(glue, lifted, block);
  }
  return `function ${name}(${args.join(", ")}) {\n${block.text}\n}`;
}

/** Statements that make of the core result `r` what the caller gets. */
function finishCall(glue: GlueWriter, { signature, postReturn, target, source, entered }: Lifted, block: Block): void {
  const { params, result } = signature;
  // Set back by no one when what an import threw was caught: the state of the component is not to be trusted.
  block.add(`if (!${target.leaves}) trap("the component went on after an import of it had failed");`);
  if (result !== undefined) block.add(`var value = ${liftResult(glue, source, result, block)};`);
  if (params.some(({ shape }) => [...shape.borrows].some((resource) => !target.defines(resource)))) {
    block.add(`${target.handles}.checkBorrows();`);
  }
  if (postReturn !== undefined) {
    block.add(`${target.leaves} = false;`);
    block.add(`${postReturn}(${flatLength(result) === 0 ? "" : "r"});`);
    block.add(`${target.leaves} = true;`);
  }
  block.add(`${entered} = false;`);
  if (result !== undefined) block.add("return value;");
}

export interface Lowered {
  readonly signature: Signature;
  /** An expression of the function that is called. */
  readonly callee: string;
  /** `interface#function` when the host serves it: its answer is checked. */
  readonly imported: string | undefined;
  readonly source: Source;
  readonly target: Target;
  /** The callee may return a promise. */
  readonly waits: boolean;
}

/** A core function that calls what the component imports. */
export function emitLowered(glue: GlueWriter, name: string, lowered: Lowered): string {
  const { signature, callee, source, target, waits } = lowered;
  const { params, result } = signature;
  const count = flatCount(params);
  const inMemory = count > MAX_FLAT_PARAMS;
  const args = Array.from({ length: inMemory ? 1 : count }, (_, index) => `a${index}`);
  const out = flatLength(result) > MAX_FLAT_RESULTS ? "out" : undefined;
  const block = new Block();
  block.add(`if (!${target.leaves}) trap("the component called an import where it must not");`);
  // Stays so when anything throws from here on.
  block.add(`${target.leaves} = false;`);

  const pointers = inMemory || params.some(({ shape }) => shape.pointers);
  if (pointers && source.memory !== undefined) block.add(source.memory.refresh);
  if (params.some(({ shape }) => shape.pointers)) block.add(emitAllowance(source));
  const values = inMemory ? loadParams(glue, source, params, block) : liftParams(glue, source, params, args);
  const kept = source.lends ? values.map((value) => block.keep(value)) : values;
  if (source.lends) block.add(`${source.handles}.endLending();`);
  block.add(`var r = ${callee}(${kept.join(", ")});`);

  const outgoing = ["r", ...(out === undefined ? [] : [out])].join(", ");
  if (waits) {
    const finish = glue.helper(`answer ${name}`, (finisher) => {
      const body = new Block();
      lowerResult(glue, lowered, body);
      return `function ${finisher}(${outgoing}) {\n${body.text}\n}`;
    });
    const later = `r.then((r) => ${finish}(${outgoing}))`;
    block.add(`return r instanceof Promise ? ${later} : ${finish}(${outgoing});`);
  } else lowerResult(glue, lowered, block);
  const all = out === undefined ? args : [...args, out];
  return `function ${name}(${all.join(", ")}) {\n${block.text}\n}`;
}

/** Names of the resources that values of a function hold handles of. */
export function resourcesOf({ params, result }: Signature): ReadonlySet<Resource> {
  const shapes = [...params.map(({ shape }) => shape), ...(result === undefined ? [] : [result])];
  return new Set(shapes.flatMap((shape) => [...shape.owns, ...shape.borrows]));
}

/** True when arguments of one call may both lend a resource and give it away. */
export function lendsAndGives({ params }: Signature): boolean {
  return params.some(({ shape }) => shape.borrows.size > 0) && params.some(({ shape }) => shape.owns.size > 0);
}

function liftResult(glue: GlueWriter, source: Source, result: Shape, block: Block): string {
  const inMemory = flatLength(result) > MAX_FLAT_RESULTS;
  if (!inMemory) return emitLiftFlat(glue, source, result, ["r"]);
  const { memory } = source;
  if (memory === undefined) throw new Error("A result needs a memory, and there is none");
  block.add(memory.refresh);
  if (result.pointers) block.add(emitAllowance(source));
  const pointer = block.keep("r >>> 0");
  block.add(`if (${misplaced(memory, pointer, result.size, result.align)}) trap("a result lies outside the memory");`);
  return emitLoad(glue, source, result, pointer, 0);
}

function loadParams(glue: GlueWriter, source: Source, params: Signature["params"], block: Block): string[] {
  const { memory } = source;
  if (memory === undefined) throw new Error("Parameters need a memory, and there is none");
  const tuple = glue.shapes.tuple(params.map(({ shape }) => shape));
  const pointer = block.keep("a0 >>> 0");
  block.add(`if (${misplaced(memory, pointer, tuple.size, tuple.align)}) trap("parameters lie outside the memory");`);
  return tuple.fields.map(({ shape, offset }) => emitLoad(glue, source, shape, pointer, offset));
}

function liftParams(glue: GlueWriter, source: Source, params: Signature["params"], args: readonly string[]): string[] {
  let taken = 0;
  return params.map(({ shape }) => {
    const count = shape.flat?.length ?? 0;
    taken += count;
    return emitLiftFlat(glue, source, shape, args.slice(taken - count, taken));
  });
}

/** Statements that give the answer `r` to the component. */
function lowerResult(glue: GlueWriter, { signature, imported, target }: Lowered, block: Block): void {
  const { result } = signature;
  if (result === undefined) {
    block.add(`${target.leaves} = true;`);
    return;
  }
  if (imported !== undefined) {
    const check = emitChecks(glue, [{ step: "", shape: result, value: "r" }]);
    block.add(`try {\n${check}\n} catch (error) { answer(${glue.text(imported)}, error); }`);
  }
  if (flatLength(result) > MAX_FLAT_RESULTS) {
    const { memory } = target;
    if (memory === undefined) throw new Error("A result needs a memory, and there is none");
    block.add(memory.refresh);
    const pointer = block.keep("out >>> 0");
    block.add(
      `if (${misplaced(memory, pointer, result.size, result.align)}) trap("a result lies outside the memory");`,
    );
    emitStore(glue, target, result, "r", { block, pointer, offset: 0 });
    block.add(`${target.leaves} = true;`);
    return;
  }
  const [value = ""] = emitLowerFlat(glue, target, result, "r", block);
  const kept = value === "" ? "" : block.keep(value);
  block.add(`${target.leaves} = true;`);
  if (kept !== "") block.add(`return ${kept};`);
}

function flatCount(params: Signature["params"]): number {
  return params.reduce((sum, { shape }) => sum + flatLength(shape), 0);
}

function flatLength(shape: Shape | undefined): number {
  if (shape === undefined) return 0;
  return shape.flat?.length ?? MAX_FLAT_PARAMS + 1;
}
