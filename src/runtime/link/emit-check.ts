// Code that checks that a value of the host's fits a type, before anything of it reaches the component: what
// wit/value.ts does, written out for each type.

import type { PlainKind } from "../../lib/wit/type.ts";
import type { Case, CasesShape, FieldsShape, FlagsShape, ListShape, Shape } from "./abi-shape.ts";
import { Block, VIEWS, type GlueWriter } from "./emit-writer.ts";

// Up to this many names are compared one after another.
const FEW = 4;

const INTEGERS: Readonly<Partial<Record<PlainKind, (value: string) => string>>> = {
  u8: (value) => `(${value} & 0xff) !== ${value}`,
  s8: (value) => `(${value} << 24 >> 24) !== ${value}`,
  u16: (value) => `(${value} & 0xffff) !== ${value}`,
  s16: (value) => `(${value} << 16 >> 16) !== ${value}`,
  u32: (value) => `(${value} >>> 0) !== ${value}`,
  s32: (value) => `(${value} | 0) !== ${value}`,
};

/** A statement that throws MisfitValue when the variable `value` does not fit. */
export function emitCheck(glue: GlueWriter, shape: Shape, value: string): string {
  switch (shape.kind) {
    case "bool":
      return `if (typeof ${value} !== "boolean") misfit("a boolean", ${value});`;
    case "string":
      return `if (typeof ${value} !== "string") misfit("a string", ${value});`;
    case "char":
      return `if (!isChar(${value})) misfit("one character", ${value});`;
    case "u64":
    case "s64": {
      const wrap = shape.kind === "u64" ? "asUintN" : "asIntN";
      const wrong = `typeof ${value} !== "bigint" || BigInt.${wrap}(64, ${value}) !== ${value}`;
      return `if (${wrong}) misfitNumber("${shape.kind}", ${value});`;
    }
    case "u8":
    case "s8":
    case "u16":
    case "s16":
    case "u32":
    case "s32":
    case "f32":
    case "f64": {
      const beyond = INTEGERS[shape.kind]?.(value);
      const wrong = `typeof ${value} !== "number"${beyond === undefined ? "" : ` || ${beyond}`}`;
      return `if (${wrong}) misfitNumber("${shape.kind}", ${value});`;
    }
    case "own":
    case "borrow":
      return `if (${value} === undefined || ${value} === null) misfit("a " + ${glue.text(shape.resource.name)}, ${value});`;
    case "enum": {
      const { few, map, list } = names(glue, shape.names);
      const wrong = few
        ? shape.names.map((name) => `${value} !== ${glue.text(name)}`).join(" && ")
        : `!${map}.has(${value})`;
      return `if (${wrong || "true"}) misfitName(${list}, ${value});`;
    }
    case "option": {
      const some = shape.cases[1]?.shape;
      const check = some === undefined ? "" : emitCheck(glue, some, value);
      return `if (${value} !== undefined && ${value} !== null) { ${check} }`;
    }
    case "record":
    case "tuple":
    case "variant":
    case "flags":
    case "list":
    default:
      return `${glue.helper(`check ${shape.id}`, (name) => checker(glue, shape, name))}(${value});`;
  }
}

/** Checks several values, each with the way to it for the error. */
export function emitChecks(
  glue: GlueWriter,
  parts: readonly { readonly step: string; readonly shape: Shape; readonly value: string }[],
): string {
  if (parts.length === 0) return "";
  const steps = glue.constant(`[${parts.map(({ step }) => glue.text(step)).join(", ")}]`);
  const lines = parts.map(({ shape, value }, index) => {
    // What is found under a name is looked up once.
    const isName = /^\w+$/.test(value);
    const check = emitCheck(glue, shape, isName ? value : "x");
    return `${index === 0 ? "" : `at = ${index}; `}${isName ? "" : `x = ${value}; `}${check}`;
  });
  return `var at = 0, x;\ntry {\n${lines.join("\n")}\n} catch (error) { under(${steps}[at], error); }`;
}

/** The number of the case whose name `value` is; the name is one of them. */
export function emitIndexOf(glue: GlueWriter, all: readonly string[], value: string): string {
  const { few, map } = names(glue, all);
  if (!few) return `${map}.get(${value})`;
  const [last, ...rest] = all.map((_, index) => index).toReversed();
  return rest.reduce(
    (otherwise, index) => `${value} === ${glue.text(all[index] ?? "")} ? ${index} : ${otherwise}`,
    `${last ?? 0}`,
  );
}

/** The constant with the names of all cases. */
export function emitNames(glue: GlueWriter, all: readonly string[]): string {
  return names(glue, all).list;
}

function names(glue: GlueWriter, all: readonly string[]) {
  const list = glue.constant(`[${all.map((name) => glue.text(name)).join(", ")}]`);
  const few = all.length <= FEW;
  const map = few ? "" : glue.constant(`new Map(${list}.map((name, index) => [name, index]))`);
  return { list, map, few };
}

function checker(glue: GlueWriter, shape: FieldsShape | CasesShape | FlagsShape | ListShape, name: string): string {
  const body = new Block();
  switch (shape.kind) {
    case "record":
      body.add(objectCheck("a record"));
      body.add(
        emitChecks(
          glue,
          shape.fields.map(({ key = "", shape: part }) => ({
            step: `.${key}`,
            shape: part,
            value: `v[${glue.text(key)}]`,
          })),
        ),
      );
      break;
    case "tuple": {
      const { length } = shape.fields;
      body.add(`if (!Array.isArray(v) || v.length !== ${length}) misfit("an array of ${length}", v);`);
      body.add(
        emitChecks(
          glue,
          shape.fields.map(({ shape: part }, index) => ({ step: `[${index}]`, shape: part, value: `v[${index}]` })),
        ),
      );
      break;
    }
    case "flags":
      body.add(objectCheck("an object of booleans"), "var x;");
      for (const key of shape.keys) {
        const wrong = 'x !== undefined && x !== null && typeof x !== "boolean"';
        body.add(`x = v[${glue.text(key)}];`);
        body.add(
          `if (${wrong}) try { misfit("a boolean", x); } catch (error) { under(${glue.text(`.${key}`)}, error); }`,
        );
      }
      break;
    case "variant":
    case "option":
      checkVariant(glue, shape.cases, body);
      break;
    case "list":
    default:
      checkList(glue, shape.element, body);
  }
  return `function ${name}(v) {\n${body.text}\n}`;
}

function checkVariant(glue: GlueWriter, cases: readonly Case[], body: Block): void {
  const tags = cases.map(({ tag }) => tag);
  const { few, map, list } = names(glue, tags);
  body.add(objectCheck("an object with a tag"), "var x, tag = v.tag;");
  const wrong = few ? tags.map((tag) => `tag !== ${glue.text(tag)}`).join(" && ") : `!${map}.has(tag)`;
  body.add(`if (${wrong || "true"}) misfitTag(${list}, tag);`);
  if (!cases.some(({ shape }) => shape !== undefined)) return;
  body.add("x = v.val;", "try {", "switch (tag) {");
  for (const { tag, shape } of cases) {
    if (shape !== undefined) body.add(`case ${glue.text(tag)}: ${emitCheck(glue, shape, "x")} break;`);
  }
  body.add("}", '} catch (error) { under("." + tag, error); }');
}

function checkList(glue: GlueWriter, element: Shape, body: Block): void {
  const typed = isViewKind(element.kind) ? VIEWS[element.kind][0] : undefined;
  if (typed !== undefined) body.add(`if (v instanceof ${typed}) return;`);
  body.add(`if (!Array.isArray(v)) misfit(${typed === undefined ? '"an array"' : `"a ${typed}"`}, v);`);
  body.add("var at = 0, x;", "try {", "for (; at < v.length; at++) {", "x = v[at];");
  body.add(emitCheck(glue, element, "x"), "}", '} catch (error) { under("[" + at + "]", error); }');
}

function objectCheck(want: string): string {
  return `if (typeof v !== "object" || v === null) misfit("${want}", v);`;
}

export function isViewKind(kind: Shape["kind"]): kind is keyof typeof VIEWS {
  return Object.hasOwn(VIEWS, kind);
}
