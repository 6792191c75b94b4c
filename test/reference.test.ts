// docs/reference is made from the code: what it says is what the code does.

import { globSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { describe, test } from "vitest";
import { unexplained } from "../scripts/reference/configuration.ts";
import { metricsOf } from "../scripts/reference/metrics.ts";
import { REFERENCE_PAGES } from "../scripts/reference/pages.ts";
import { providerKeys, undescribedProviders } from "../scripts/reference/providers.ts";
import { parseWit } from "../scripts/reference/wit.ts";

const ROOT = resolve(import.meta.dirname, "..");
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");

test.for(Object.entries(REFERENCE_PAGES))(
  "docs/reference/%s is what `npm run docs:reference` writes",
  ([name, make], { expect }) => {
    expect(read(`docs/reference/${name}`)).toBe(make());
  },
);

test("docs/reference has no other page", ({ expect }) => {
  const pages = globSync("docs/reference/*", { cwd: ROOT }).map((file) => basename(file));
  expect(pages.sort()).toEqual(Object.keys(REFERENCE_PAGES));
});

test("every key of petiole.yaml has a meaning in src/config/meanings.yaml, and nothing else has", ({ expect }) => {
  expect(unexplained()).toEqual([]);
});

describe("providers", () => {
  test("every type is described", ({ expect }) => {
    expect(undescribedProviders()).toEqual([]);
  });

  test.for(providerKeys())("the keys of $type are explained", ({ pages, provider, link }, { expect }) => {
    const text = pages.map(read).join("\n");
    const last = (path: string): string => path.slice(path.lastIndexOf(".") + 1).replace("[]", "");
    expect([...provider, ...link].filter(({ path }) => !text.includes(last(path))).map(({ path }) => path)).toEqual([]);
  });
});

test("docs/reference/metrics.md misses no measure: each is made with its name written out", ({ expect }) => {
  const calls = globSync(["providers/**/*.ts", "src/daemon/agent-metrics.ts", "src/host/link-meters.ts"], { cwd: ROOT })
    .filter((file) => !file.endsWith(".test.ts"))
    .map((file) => {
      const made = [...read(file).matchAll(/\b(?:counter|gauge|observedGauge|histogram|counted)\(/g)].length;
      return { file, made, found: metricsOf(file, "", []).length };
    });
  // What only passes a name on.
  const passing: Readonly<Record<string, number>> = {
    [join("src", "daemon", "agent-metrics.ts")]: 1,
    [join("providers", "serial", "modbus", "bus.ts")]: 1,
  };
  expect(calls.filter(({ file, made, found }) => made - (passing[file] ?? 0) !== found)).toEqual([]);
});

test("parseWit() reads comments, attributes, blocks and nested types", ({ expect }) => {
  const source = `package a:b@0.1.0;
    /// Of an
    /// interface.
    @since(version = 0.1.0)
    interface c {
      use d.{e, f};
      // Not shown.
      record g { /// A list.
        h: list<tuple<u8, string>>, }
      i: func(j: option<g>, k: u8) -> result<_, string>;
    }`;
  expect(parseWit(source, "c.wit")).toEqual([
    { text: "package a:b@0.1.0", doc: "", items: undefined },
    {
      text: "interface c",
      doc: "Of an interface.",
      items: [
        { text: "use d.{e, f}", doc: "", items: undefined },
        {
          text: "record g",
          doc: "",
          items: [{ text: "h: list<tuple<u8, string>>", doc: "A list.", items: undefined }],
        },
        { text: "i: func(j: option<g>, k: u8) -> result<_, string>", doc: "", items: undefined },
      ],
    },
  ]);
  expect(() => parseWit("interface a {", "a.wit")).toThrow("no end");
});
