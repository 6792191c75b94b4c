/**
 * What a failed import threw, for people. The `err` of a WIT result arrives as it is: a string, or a variant
 * `{ tag, val }` whose value may carry the text.
 */
export function errorText(error: unknown): string {
  if (typeof error === "string") return error;
  if (error instanceof Error) return error.message;
  if (typeof error !== "object" || error === null) return String(error);
  const { tag, val } = error as { readonly tag?: unknown; readonly val?: unknown };
  if (typeof tag !== "string") return JSON.stringify(error);
  return typeof val === "string" ? `${tag}: ${val}` : tag;
}
