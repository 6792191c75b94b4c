/** The case of the WIT variant that a failed import gave, if it was one. */
export function faultTag(error: unknown): string | undefined {
  const payload = error instanceof Error && "payload" in error ? error.payload : undefined;
  if (typeof payload !== "object" || payload === null || !("tag" in payload)) return undefined;
  return typeof payload.tag === "string" ? payload.tag : undefined;
}
