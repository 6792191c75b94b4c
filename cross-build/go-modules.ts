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
  /** SPDX expression; undefined when the text is missing or unknown. */
  readonly licence: string | undefined;
  /** Texts of its licence files; none where Go is not there to show them. */
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
  const [, go = "unknown"] = /go(1\.\d+(?:\.\d+)?)/.exec(text) ?? [];
  const lines = text.matchAll(/^(?:mod|dep)\t(\S+)\tv(\S+)\t(h1:\S+)$/gm);
  const modules = [...lines].map(([, path = "", version = "", sum]) => ({ path, version, sum }));
  return [...modules, { path: "std", version: go, sum: undefined }];
}

/** The modules of a program, with their licences where this machine has Go. */
export async function listGoModules(program: Buffer): Promise<readonly GoModule[]> {
  return await Promise.all(
    namedModules(program).map(async (named) => {
      const folder = folderOf(named);
      const texts = folder === undefined ? [] : await licenceTexts(folder);
      const found = LICENCES.filter(([, words]) => texts.some((text) => words.test(text))).map(([name]) => name);
      return { ...named, licence: found.length === 0 ? undefined : found.join(" AND "), texts };
    }),
  );
}

/** Distinctive words of the licences that such modules have. */
const LICENCES: readonly (readonly [name: string, words: RegExp])[] = [
  ["Apache-2.0", /Apache License\s+Version 2\.0/],
  ["BSD-3-Clause", /Redistribution and use[^]*Neither the name/],
  ["MIT", /Permission is hereby granted, free of charge/],
];

/** Where Go has the files of a module; fetched if need be. Undefined without Go. */
function folderOf({ path, version }: NamedModule): string | undefined {
  const ask = (...args: readonly string[]): string | undefined => {
    const { status, stdout } = spawnSync("go", args, { encoding: "utf8", cwd: tmpdir() });
    return status === 0 ? stdout : undefined;
  };
  if (path === "std") return ask("env", "GOROOT")?.trim();
  const said = ask("mod", "download", "-json", `${path}@v${version}`);
  return said === undefined ? undefined : (JSON.parse(said) as { readonly Dir?: string }).Dir; // As `go help mod download` says.
}
