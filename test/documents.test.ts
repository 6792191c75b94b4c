// The documents must keep up with the code.

import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, test } from "vitest";
import { loadConfig } from "../src/config/load.ts";
import { parseManifest } from "../src/oam/parse.ts";
import { checkProviders } from "../src/daemon/check-providers.ts";
import { readCommandLine } from "../scripts/reference/cli.ts";
import { anchorsOf, commandsOf, faultsOf, isPetiole, linksOf } from "./support/markdown.ts";

const ROOT = resolve(import.meta.dirname, "..");
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");

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

const FILES = globSync("{*.md,docs/**/*.md,{providers,examples,systemd,native,cross-build,bench,wit}/**/*.md}", {
  cwd: ROOT,
})
  .filter((file) => !file.includes("node_modules"))
  .sort();

describe("links in the documents", () => {
  const links = FILES.flatMap((file) => linksOf(read(file)).map((link) => ({ file, ...link })));

  test("lead to files that are there", ({ expect }) => {
    const broken = links.filter(({ file, path }) => path !== "" && !existsSync(join(ROOT, dirname(file), path)));
    expect(links.length).toBeGreaterThan(300);
    expect(broken).toEqual([]);
  });

  test("lead to headings that are there", ({ expect }) => {
    const places = links.filter(({ path, anchor }) => anchor !== "" && (path === "" || path.endsWith(".md")));
    const broken = places.filter(({ file, path, anchor }) => {
      const target = path === "" ? file : join(dirname(file), path);
      return existsSync(join(ROOT, target)) && !anchorsOf(read(target)).has(anchor);
    });
    expect(places.length).toBeGreaterThan(50);
    expect(broken).toEqual([]);
  });
});

test("docs/README.md has every page in exactly one place", ({ expect }) => {
  const pages = FILES.filter((file) => file.startsWith("docs/") && file !== "docs/README.md");
  const listed = linksOf(read("docs/README.md"))
    .map(({ path }) => join("docs", path))
    .filter((path) => path.startsWith("docs/") && path.endsWith(".md"));
  expect(listed.sort()).toEqual(pages);
});

test("docs/guarantees.md names tests that are there", ({ expect }) => {
  const rows = read("docs/guarantees.md")
    .split("\n")
    .filter((line) => line.includes(".test.ts"));
  const proofs = rows.flatMap((row) =>
    [...row.matchAll(/\]\(\.\.\/(\S+\.test\.ts)\)((?:(?!\]\().)*)/g)].flatMap(([, file = "", text = ""]) =>
      [...text.matchAll(/"([^"]+)"/g)].map(([, title = ""]) => ({ file, title })),
    ),
  );
  expect(proofs.length).toBeGreaterThan(rows.length);
  expect(proofs.filter(({ file, title }) => !read(file).includes(title))).toEqual([]);
});

describe("commands in the documents", () => {
  const root = readCommandLine();
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Readonly<Record<string, string>> };
  const blocks = FILES.flatMap((file) => commandsOf(read(file)).map((command) => ({ file, command })));

  test("of petiole exist, with their options", ({ expect }) => {
    const petiole = blocks.filter(({ command }) => isPetiole(command));
    expect(petiole.length).toBeGreaterThan(80);
    expect(petiole.flatMap(({ file, command }) => faultsOf(root, command).map((fault) => `${file}: ${fault}`))).toEqual(
      [],
    );
  });

  test("that do not exist are found", ({ expect }) => {
    const faults = (line: string): string[] =>
      commandsOf(`\`\`\`sh\n${line}\n\`\`\``).flatMap((words) => faultsOf(root, words));
    expect(faults("sudo -u petiole petiole outbox ledgr --json | head")).toHaveLength(1);
    expect(faults("ssh-add # petiole none\nA=b petiole outbox ledger --jsn --limit 3")).toHaveLength(1);
    expect(faults("petiole outbox ledger --limit 3 && petiole stauts")).toHaveLength(1);
  });

  test("of npm exist, and their scripts know the options", ({ expect }) => {
    const runs = blocks.flatMap(({ file, command }) => {
      const [, name = "", rest = ""] = /^npm run (?:-\S+ )*(\S+)(.*)$/.exec(command.join(" ")) ?? [];
      return name === "" ? [] : [{ file, name, options: rest.match(/--[a-z][a-z-]*/g) ?? [] }];
    });
    const source = (name: string): string => {
      const [script = ""] = /\S+\.ts/.exec(scripts[name] ?? "") ?? [];
      return globSync(join(dirname(script), "**/*.ts"), { cwd: ROOT })
        .map(read)
        .join("\n");
    };
    const faults = runs.flatMap(({ file, name, options }) => {
      if (scripts[name] === undefined) return [`${file}: package.json has no script "${name}"`];
      const unknown = options.filter((option) => !source(name).includes(option.slice(2)));
      return unknown.map((option) => `${file}: npm run ${name} does not know ${option}`);
    });
    expect(runs.length).toBeGreaterThan(10);
    expect(faults).toEqual([]);
  });
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
