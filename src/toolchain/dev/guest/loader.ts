// What runs in QuickJS while a component is being developed: a component with the project's world whose exports hand every call on to code that it
// fetches when the first call comes. Other code then takes no new component, only a new instance.

import type { InterfaceShape } from "../../../lib/wit/type.ts";

/** What the loader has besides the world's own: nothing of a device has these names. */
export const SOURCE = "petiole:dev/source";
export const CONTROL = "petiole:dev/control";

/** Put beside the world's packages. */
export const LOADER_WIT = `package petiole:dev {
  interface source { read: func() -> string; }
  interface control { load: func() -> result<_, string>; }
}
`;

/** The text with what the loader needs in its world of this name. Undefined when that has no body. */
export function loaderWorld(witSource: string, world: string): string | undefined {
  const start = new RegExp(`^[ \\t]*world\\s+%?${world}\\s*\\{`, "m");
  if (!start.test(witSource)) return undefined;
  return `${witSource.replace(start, (head) => `${head}\n  import ${SOURCE};\n  export ${CONTROL};`)}\n${LOADER_WIT}`;
}

export interface WorldShape {
  readonly imports: readonly InterfaceShape[];
  readonly exports: readonly InterfaceShape[];
  readonly bareImports: readonly { readonly name: string }[];
  readonly bareExports: readonly { readonly name: string }[];
}

/** Why a component of this world has to be built anew for every change; undefined when it need not. */
export function loaderObstacle({ exports, bareImports }: WorldShape): string | undefined {
  // One that is only used has no functions of its own.
  const resource = exports.find(({ functions }) => functions.some(({ name }) => name.startsWith("[")));
  if (resource !== undefined) return `${resource.name} is exported with a resource`;
  if (bareImports.length > 0) return "it imports functions outside of any interface";
  const keys = exports.map(({ name }) => exportKey(name));
  return new Set(keys).size < keys.length ? "two of its exported interfaces have one name" : undefined;
}

/** JavaScript of the loader for a world that has no obstacle. */
export function loaderSource({ imports, exports, bareExports }: WorldShape): string {
  const modules = imports.filter(({ functions, resources }) => functions.length + resources.length > 0);
  const typesOnly = imports.filter((one) => !modules.includes(one));
  const functions = (names: readonly string[], owner: string): string =>
    names.map((name) => `${camelCase(name)}: (...args) => load()${owner}.${camelCase(name)}(...args)`).join(", ");
  return [
    `import { read } from "${SOURCE}";`,
    ...modules.map(({ name }, index) => `import * as module${index} from "${name}";`),
    // Names in two parts: names of interfaces are not what they seem while the component is made, and strings of that time stay.
    `const modules = [${[
      ...modules.map(({ name }, index) => `[${splitName(name)}, module${index}]`),
      ...typesOnly.map(({ name }) => `[${splitName(name)}, {}]`),
    ].join(", ")}];`,
    "function find(name) {",
    "  const found = modules.find(([space, rest]) => `${space}:${rest}` === name);",
    "  if (found !== undefined) return found[2];",
    "  throw new Error(`The world imports no ${name}`);",
    "}",
    // A component of petiole build is a module, which is strict: what fails there has to fail here.
    "let loaded;",
    "function load() {",
    "  if (loaded !== undefined) return loaded;",
    "  const exports = {};",
    '  const make = (0, eval)("(function (require, exports) {\\"use strict\\";" + read() + "\\n})");',
    "  make(find, exports);",
    "  return (loaded = exports);",
    "}",
    "export const control = {",
    "  load() {",
    "    try { load(); } catch (error) {",
    "      throw error instanceof Error ? `${error.name}: ${error.message}\\n${error.stack}` : String(error);",
    "    }",
    "  },",
    "};",
    ...exports.map(({ name, functions: own }) => {
      const key = exportKey(name);
      return `export const ${key} = { ${functions(
        own.map((one) => one.name),
        `.${key}`,
      )} };`;
    }),
    ...bareExports.map(
      ({ name }) => `export const ${camelCase(name)} = (...args) => load().${camelCase(name)}(...args);`,
    ),
    "",
  ].join("\n");
}

const splitName = (name: string): string => {
  const [space = "", ...rest] = name.split(":");
  return `"${space}", "${rest.join(":")}"`;
};

/** How JavaScript exports an interface: `petiole:gpio/edge-handler@0.1.0` as `edgeHandler`. */
const exportKey = (name: string): string => camelCase(name.replace(/^.*\//, "").replace(/@.*$/, ""));

const camelCase = (name: string): string =>
  name.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
