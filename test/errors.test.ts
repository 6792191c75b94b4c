import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "vitest";
import { ERROR_CATALOGUE, type ErrorCode } from "../src/domain/errors.ts";

const ROOT = resolve(import.meta.dirname, "..");
const CODES = Object.keys(ERROR_CATALOGUE) as ErrorCode[];

const sourceText = ["src", "providers"]
  .flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)),
  )
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && file !== join("src", "domain", "errors.ts"))
  .map((file) => readFileSync(join(ROOT, file), "utf8").replace(/\/\*[\s\S]*?\*\//g, ""))
  .join("\n");

test.for(CODES)("%s is used somewhere", (code, { expect }) => {
  expect(sourceText).toContain(`"${code}"`);
});

test("docs/errors.md has a row for every code, with its kind and meaning, and no other", ({ expect }) => {
  const rows = readFileSync(join(ROOT, "docs", "errors.md"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| `ERR_"));
  const wanted = CODES.map((code) => {
    const { kind, retryable, meaning } = ERROR_CATALOGUE[code];
    return `| \`${code}\` | ${kind} | ${retryable ? "yes" : "no"} | ${meaning} |`;
  });
  expect(rows).toEqual(wanted);
});
