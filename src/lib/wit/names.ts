/** `get-all` → `getAll`: functions, parameters and record fields in the JavaScript mapping. */
export function camelCase(kebab: string): string {
  const [first = "", ...rest] = kebab.toLowerCase().split("-");
  return first + rest.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}

/** `output-stream` → `OutputStream`: resources in the JavaScript mapping. */
export function pascalCase(kebab: string): string {
  const name = camelCase(kebab);
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** What a function of an interface is in JavaScript. */
export type FunctionName =
  | { readonly kind: "function"; readonly name: string }
  | { readonly kind: "constructor"; readonly resource: string }
  | { readonly kind: "method" | "static"; readonly resource: string; readonly name: string };

/** Takes `[method]bucket.get` and its like apart. */
export function parseFunctionName(name: string): FunctionName {
  const match = /^\[(method|static|constructor)\]([^.]+)(?:\.(.+))?$/.exec(name);
  if (match === null) return { kind: "function", name };
  const [, kind, resource = "", method = ""] = match;
  if (kind === "constructor") return { kind, resource };
  return { kind: kind === "static" ? "static" : "method", resource, name: method };
}
