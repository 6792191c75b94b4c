// The documents must keep up with the code.

import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, test } from "vitest";
import { z } from "zod";
import { loadConfig } from "../src/config/load.ts";
import { configSchema } from "../src/config/schema.ts";
import { parseManifest } from "../src/oam/parse.ts";
import { checkProviders } from "../src/daemon/check-providers.ts";

const ROOT = resolve(import.meta.dirname, "..");
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");

interface JsonSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
}

/** Every key of a schema that a user can write, as the documentation spells it. */
function keysOf(schema: JsonSchema, prefix: string): string[] {
  const inside = Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const path = prefix === "" ? key : `${prefix}.${key}`;
    const deeper = keysOf(value, path);
    return deeper.length === 0 ? [path] : deeper;
  });
  const values = schema.additionalProperties;
  const named = typeof values === "object" && values.properties !== undefined ? keysOf(values, `${prefix}.<name>`) : [];
  const listed = schema.items?.properties === undefined ? [] : keysOf(schema.items, `${prefix}[]`);
  return [...inside, ...named, ...listed];
}

describe("docs/configuration.md", () => {
  const schema = z.toJSONSchema(configSchema("/"), { io: "input", unrepresentable: "any" }) as JsonSchema;
  const documented = [...read("docs/configuration.md").matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] ?? "");
  const keys = keysOf(schema, "");

  test("describes every key", ({ expect }) => {
    expect(keys.length).toBeGreaterThan(30);
    expect(keys.filter((key) => !documented.includes(key))).toEqual([]);
  });

  test("describes no key that does not exist", ({ expect }) => {
    const known = (key: string): boolean => keys.some((one) => one === key || one.startsWith(`${key}.`));
    expect(documented.filter((key) => !known(key))).toEqual([]);
  });
});

test("examples/petiole.yaml has no fault", async ({ expect }) => {
  const parsed = await loadConfig(join(ROOT, "examples", "petiole.yaml"));
  await checkProviders(parsed);
  expect(Object.keys(parsed.config.components).length).toBeGreaterThan(0);
});

test("docs/deploy.md shows a manifest without a fault, and the example is one", ({ expect }) => {
  const [, shown = ""] = /```yaml\n([\s\S]*?)```/.exec(read("docs/deploy.md")) ?? [];
  const { manifest, warnings } = parseManifest(shown, "docs/deploy.md");
  expect([manifest.name, manifest.components.length, warnings]).toEqual(["thermo", 3, []]);
  expect(parseManifest(read("examples/smoother/application.yaml"), "application.yaml").warnings).toEqual([]);
});

test("every relative link in the documents leads somewhere", ({ expect }) => {
  const files = globSync("{*.md,docs/**/*.md,{providers,examples,systemd,native,cross-build,bench,wit}/**/*.md}", {
    cwd: ROOT,
  });
  const broken = files
    .filter((file) => !file.includes("node_modules"))
    .flatMap((file) =>
      [...read(file).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)]
        .map((match) => match[1] ?? "")
        .filter((target) => !existsSync(join(ROOT, dirname(file), target)))
        .map((target) => `${file}: ${target}`),
    );
  expect(files.length).toBeGreaterThan(5);
  expect(broken).toEqual([]);
});

test("package-lock.json names the optional packages of every platform: npm ci refuses it otherwise", ({ expect }) => {
  interface Entry {
    readonly optionalDependencies?: Readonly<Record<string, string>>;
  }
  const { packages } = JSON.parse(read("package-lock.json")) as { packages: Readonly<Record<string, Entry>> };
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) =>
        packages[`node_modules/${name}`] === undefined && packages[`${path}/node_modules/${name}`] === undefined,
    ),
  );
  expect(missing).toEqual([]);
});

test("no document has what a merge left behind", ({ expect }) => {
  const files = globSync("{*.md,{docs,providers,examples,systemd,native,cross-build,bench,wit}/**/*.md}", {
    cwd: ROOT,
  });
  expect(files.filter((file) => /^(?:<{7} |>{7} |={7}$)/m.test(read(file)))).toEqual([]);
});
