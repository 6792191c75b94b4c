// Who may import whom. Reads the sources as text: import and export declarations with a literal specifier, which is
// all that these sources use.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "..");

/** Each layer, and what it may import besides itself. `node:` and `npm` stand for built-in modules and packages. */
const LAYERS = {
  "src/domain": [],
  "src/lib": ["src/domain", "node:", "npm"],
  "src/trust": ["src/domain", "src/lib", "node:", "npm"],
  "src/config": ["src/domain", "src/lib", "src/trust", "node:", "npm"],
  "src/oam": ["src/domain", "src/lib", "src/config", "node:", "npm"],
  "src/provider": ["src/domain", "src/lib", "node:", "npm"],
  "src/runtime": ["src/domain", "src/lib", "node:", "npm"],
  "src/host": ["src/domain", "src/lib", "src/provider", "src/runtime", "node:"],
  "src/adapters/artifacts": ["src/domain", "src/lib", "src/host", "src/provider", "node:", "npm"],
  "src/adapters/control": ["src/domain", "src/lib", "src/host", "src/provider", "node:", "npm"],
  "src/adapters/lattice": ["src/domain", "src/lib", "src/host", "src/provider", "node:", "npm"],
  "src/adapters/leaf": ["src/domain", "src/lib", "src/host", "src/provider", "node:", "npm"],
  "src/adapters/secrets": ["src/domain", "src/lib", "src/host", "src/provider", "node:", "npm"],
  "src/adapters/store": ["src/domain", "src/lib", "src/host", "src/provider", "node:", "npm"],
  "src/adapters/versions": ["src/domain", "src/lib", "node:"],
  "src/enrolment": ["src/domain", "src/lib", "src/adapters/lattice", "node:", "npm"],
  "src/fleet": ["src/domain", "src/lib", "src/enrolment", "src/adapters/lattice", "src/adapters/store", "node:", "npm"],
  // The browser's part, which has nothing of Node.
  "src/ui/page": ["src/domain", "src/ui"],
  "src/ui": ["src/domain", "src/lib", "src/adapters/control", "src/ui/page", "node:"],
  providers: ["#provider", "node:", "npm"],
  "src/daemon": [
    "src/domain",
    "src/lib",
    "src/trust",
    "src/config",
    "src/oam",
    "src/provider",
    "src/runtime",
    "src/host",
    "src/adapters",
    "src/enrolment",
    "providers",
    "node:",
    "npm",
  ],
  "src/doctor": [
    "src/domain",
    "src/lib",
    "src/config",
    "src/enrolment",
    "src/adapters/leaf",
    "src/adapters/store",
    "src/daemon",
    "node:",
  ],
  "src/guest": [],
  "src/toolchain": [
    "src/domain",
    "src/lib",
    "src/trust",
    "src/config",
    "src/oam",
    "src/provider",
    "src/runtime",
    "src/host",
    "src/adapters",
    "src/daemon",
    "providers",
    "node:",
    "npm",
  ],
  "src/cli": [
    "src/domain",
    "src/lib",
    "src/trust",
    "src/config",
    "src/oam",
    "src/runtime",
    "src/adapters/artifacts",
    "src/adapters/control",
    "src/adapters/lattice",
    "src/enrolment",
    "src/fleet",
    "src/ui",
    "src/daemon",
    "src/doctor",
    "src/toolchain",
    "providers",
    "node:",
    "npm",
  ],
} as const satisfies Record<string, readonly string[]>;

/** The only module of a layer that may be imported from outside, where there is one. */
const FRONT_DOORS: Readonly<Record<string, string>> = { providers: "providers/index.ts" };

interface Import {
  readonly file: string;
  readonly target: string;
}

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .map((name) => join(folder, name))
    .sort();
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  const pattern = new RegExp(
    [
      String.raw`(?:^|\n)(?:import|export)\s[^;'"=()]*?\bfrom\s+"([^"]+)"`,
      String.raw`(?:^|\n)import\s+"([^"]+)"`,
      String.raw`\bimport\(\s*"([^"]+)"\s*\)`,
    ].join("|"),
    "g",
  );
  return [...text.matchAll(pattern)].map((match) => {
    const specifier = match[1] ?? match[2] ?? match[3] ?? "";
    if (specifier.startsWith(".")) return { file, target: relative(ROOT, resolve(ROOT, dirname(file), specifier)) };
    return { file, target: specifier };
  });
}

function kindOf(target: string): string {
  if (target.startsWith("node:") || target === "#provider") return target.startsWith("node:") ? "node:" : target;
  const layer = Object.keys(LAYERS).find((name) => target.startsWith(`${name}/`));
  return layer ?? (/^(src|test|scripts|bench|package)/.test(target) ? target : "npm");
}

function violations(layer: keyof typeof LAYERS): string[] {
  const allowed: readonly string[] = LAYERS[layer];
  return sources(layer)
    .flatMap(importsOf)
    .filter(({ target }) => {
      const kind = kindOf(target);
      if (kind === layer) return false;
      if (FRONT_DOORS[kind] !== undefined && FRONT_DOORS[kind] !== target) return true;
      return !allowed.some((one) => kind === one || kind.startsWith(`${one}/`));
    })
    .map(({ file, target }) => `${file} imports ${target}`);
}

describe("layers", () => {
  test.for(Object.keys(LAYERS) as (keyof typeof LAYERS)[])("%s imports only what it may", (layer, { expect }) => {
    expect(violations(layer)).toEqual([]);
  });

  test("one provider does not import another", ({ expect }) => {
    const crossing = sources("providers")
      .filter((file) => file !== "providers/index.ts")
      .flatMap(importsOf)
      .filter(({ file, target }) => target.startsWith("providers/") && target.split("/")[1] !== file.split("/")[1]);
    expect(crossing).toEqual([]);
  });

  test("every source belongs to a layer", ({ expect }) => {
    const homeless = [...sources("src"), ...sources("providers")].filter((file) => kindOf(file) === file);
    expect(homeless).toEqual([]);
  });

  test("process.env and process.argv are read by the daemon and the command line only", ({ expect }) => {
    const readers = [...sources("src"), ...sources("providers")].filter(
      (file) =>
        !/^src\/(daemon|cli)\//.test(file) && /\bprocess\.(env|argv)\b/.test(readFileSync(join(ROOT, file), "utf8")),
    );
    expect(readers).toEqual([]);
  });
});
