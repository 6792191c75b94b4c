import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { z } from "zod";
import { configSchema } from "../../src/config/schema.ts";
import { fromReference, head, table } from "./markdown.ts";
import { FOLDER, isKnown, keysOf, type Key } from "./schema-keys.ts";

const meaningsSchema = z.record(
  z.string(),
  z.union([
    z.string().transform((meaning) => ({ default: undefined, meaning })),
    z.strictObject({ default: z.string().min(1), meaning: z.string().min(1) }),
  ]),
);

type Meanings = z.output<typeof meaningsSchema>;

/** What the schema and `meanings.yaml` disagree about; empty when every key is explained and nothing else is. */
export function unexplained(keys = configKeys(), meanings = readMeanings()): string[] {
  return [
    ...keys
      .filter(({ path }) => meanings[path] === undefined)
      .map(({ path }) => `${path}: say in src/config/meanings.yaml what it means`),
    ...Object.keys(meanings)
      .filter((path) => !isKnown(keys, path))
      .map((path) => `${path}: is in src/config/meanings.yaml, and the schema has no such key`),
  ];
}

export function configurationPage(): string {
  const keys = configKeys();
  const meanings = readMeanings();
  const sections = Map.groupBy(rowsOf(keys, meanings), sectionOf);
  return [
    head(
      "Keys of petiole.yaml",
      "`src/config/schema.ts` and `src/config/meanings.yaml`",
      "Every key, with what it takes and what holds without it. [configuration.md](../configuration.md) says how the file is\nwritten and checked; [providers.md](providers.md) has the keys of `providers.<name>.config` and `links[].config`.\n\nA *duration* is `250ms`, `2s`, `5m`, `1h` or `7d`; a *size* `512B`, `64KiB`, `32MiB` or `1GiB`. A relative *path* starts at\nthe folder of the file. A key whose default is *required* must be there as soon as what it is in is.",
    ),
    ...[...sections].flatMap(([name, rows]) => [
      `## ${name}\n`,
      table(
        ["key", "takes", "default", "meaning"],
        rows.map(([path, type, fallback, meaning]) => [`\`${path}\``, type, fallback, fromReference(meaning)]),
      ),
    ]),
  ].join("\n");
}

type Row = readonly [path: string, type: string, fallback: string, meaning: string];

/** Sections that are there or not, such as `hub`, have a row of their own before their keys. */
function rowsOf(keys: readonly Key[], meanings: Meanings): Row[] {
  const told = new Set<string>();
  return keys.flatMap(({ path, type, fallback }): Row[] => {
    const sections = Object.keys(meanings).filter(
      (name) => !told.has(name) && (path.startsWith(`${name}.`) || path.startsWith(`${name}[]`)),
    );
    for (const name of sections) told.add(name);
    const said = meanings[path];
    return [
      ...sections.map((name): Row => [name, "section", "none", meanings[name]?.meaning ?? ""]),
      [path, type, said?.default ?? fallback ?? "required", said?.meaning ?? ""],
    ];
  });
}

/** The first part of the path; single keys of the whole are together. */
const sectionOf = ([path, type]: Row): string =>
  /[.[]/.test(path) || type === "section" ? (path.split(/[.[]/, 1)[0] ?? "") : "at the top";

const configKeys = (): Key[] => keysOf(configSchema(FOLDER));

function readMeanings(): Meanings {
  const file = fileURLToPath(new URL("../../src/config/meanings.yaml", import.meta.url));
  return meaningsSchema.parse(parse(readFileSync(file, "utf8")));
}
