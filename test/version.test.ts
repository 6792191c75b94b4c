import { readFileSync } from "node:fs";
import { test } from "vitest";
import { RELEASED, VERSION } from "../src/domain/version.ts";

test("VERSION is that of package.json", ({ expect }) => {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  expect(VERSION).toBe((JSON.parse(text) as { version: string }).version);
});

test("RELEASED is a day that has been", ({ expect }) => {
  expect(new Date(RELEASED).toISOString()).toBe(`${RELEASED}T00:00:00.000Z`);
  expect(Date.parse(RELEASED)).toBeLessThan(Date.now());
});
