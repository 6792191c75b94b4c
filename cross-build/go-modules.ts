// What a program that Go built is made of, with the licences of it.

import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { licenceTexts } from "./inventory.ts";

export interface GoModule {
  /** "github.com/nats-io/nkeys", or "std" for Go's own library. */
  readonly path: string;
  /** Without the "v" or "go" before it. */
  readonly version: string;
  /** Of the module's files, as go.sum has it: "h1:" and base64; undefined for Go's own library. */
  readonly sum: string | undefined;
  /** SPDX expression. */
  readonly licence: string;
  /** Texts of its licence files. */
  readonly texts: readonly string[];
}

/** A module as the program itself names it. */
export type NamedModule = Pick<GoModule, "path" | "version" | "sum">;

/** More than Go writes about any program. */
const INFO_LIMIT = 65_536;

/**
 * What Go wrote into a program of its own, for whatever machine it is: the main module, its dependencies, and "std" for
 * Go's own library. The form is that of https://pkg.go.dev/debug/buildinfo since Go 1.18.
 * @returns nothing for another program
 */
export function namedModules(program: Buffer): readonly NamedModule[] {
  const at = program.indexOf("\xff Go buildinf:", 0, "latin1");
  if (at === -1) return [];
  const text = program.toString("latin1", at, at + INFO_LIMIT);
  const [, go = "unknown"] = /go(1\.\d+(?:\.\d+|rc\d+|beta\d+)*)/.exec(text) ?? [];
  const lines = text.matchAll(/^(?:mod|dep)\t(\S+)\tv(\S+)\t(h1:\S+)$/gm);
  const modules = [...lines].map(([, path = "", version = "", sum]) => ({ path, version, sum }));
  return [...modules, { path: "std", version: go, sum: undefined }];
}

/**
 * The modules of a program, with their licences, as Go has them with their sources.
 * @throws Error when there is no Go, it cannot fetch them, or a licence is missing or unknown
 */
export async function listGoModules(program: Buffer): Promise<readonly GoModule[]> {
  return await Promise.all(
    namedModules(program).map(async (named) => {
      const texts = await licenceTexts(folderOf(named));
      const found = LICENCES.filter(([, words]) => texts.some((text) => words.test(text))).map(([name]) => name);
      if (found.length === 0) throw new Error(`Cannot tell the licence of ${named.path} ${named.version}`);
      return { ...named, licence: found.join(" AND "), texts };
    }),
  );
}

/** Distinctive words of the licences that such modules have. */
const LICENCES: readonly (readonly [name: string, words: RegExp])[] = [
  ["Apache-2.0", /Apache License\s+Version 2\.0/],
  ["BSD-3-Clause", /Redistribution and use[^]*Neither the name/],
  ["MIT", /Permission is hereby granted, free of charge/],
];

/** Where Go has the files of a module; fetched if need be. */
function folderOf({ path, version }: NamedModule): string {
  const ask = (...args: readonly string[]): string => {
    const { status, stdout, stderr, error } = spawnSync("go", args, { encoding: "utf8", cwd: tmpdir() });
    if (status === 0) return stdout;
    const reason = error?.message ?? (stderr || stdout).trim();
    throw new Error(`Cannot tell the licence of ${path} ${version}: ${reason}`);
  };
  if (path === "std") return ask("env", "GOROOT").trim();
  const said = ask("mod", "download", "-json", `${path}@v${version}`);
  return (JSON.parse(said) as { readonly Dir: string }).Dir; // As `go help mod download` says.
}
