import { readFileSync } from "node:fs";
import { test } from "vitest";
import { VERSION } from "../src/domain/version.ts";

test("VERSION is that of package.json", ({ expect }) => {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  expect(VERSION).toBe((JSON.parse(text) as { version: string }).version);
});
