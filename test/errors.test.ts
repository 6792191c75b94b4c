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
