/**
 * What a failed import threw, for people. QuickJS's bindings throw an Error that has the `err` of the WIT result as its
 * `payload`: a string, or a variant `{ tag, val }` whose value may carry the text.
 */
export function errorText(error: unknown): string {
  if (typeof error === "string") return error;
  if (error instanceof Error) return "payload" in error ? errorText(error.payload) : error.message;
  if (typeof error !== "object" || error === null) return String(error);
  const { tag, val } = error as { readonly tag?: unknown; readonly val?: unknown };
  if (typeof tag !== "string") return JSON.stringify(error);
  return typeof val === "string" ? `${tag}: ${val}` : tag;
}
