/**
 * What a failed import threw, for people. The bindings throw something that has the `err` of the WIT result as its
 * `payload`, those of QuickJS an Error: a string, or a variant `{ tag, val }` whose value may carry the text.
 */
export function errorText(error: unknown): string {
  if (typeof error === "string") return error;
  if (typeof error !== "object" || error === null) return String(error);
  if ("payload" in error) return errorText(error.payload);
  if (error instanceof Error) return error.message;
  const { tag, val } = error as { readonly tag?: unknown; readonly val?: unknown };
  if (typeof tag !== "string") return JSON.stringify(error);
  return typeof val === "string" ? `${tag}: ${val}` : tag;
}
