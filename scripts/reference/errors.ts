import { ERROR_CATALOGUE } from "../../src/domain/errors.ts";
import { head, table } from "./markdown.ts";

export function errorsPage(): string {
  return [
    head(
      "Error codes",
      "`src/domain/errors.ts`",
      "Every code that petiole reports. [errors.md](../errors.md) says where they are seen, and what *kind* and *retryable* mean.",
    ),
    table(
      ["code", "kind", "retryable", "meaning"],
      Object.entries(ERROR_CATALOGUE).map(([code, { kind, retryable, meaning }]) => [
        `\`${code}\``,
        kind,
        retryable ? "yes" : "no",
        meaning,
      ]),
    ),
  ].join("\n");
}
