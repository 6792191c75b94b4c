// Rust: the interfaces are in what the compiler makes, as wit-bindgen's macro puts them there.

import { existsSync } from "node:fs";
import { chmod, glob, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { reasonOf } from "../../src/lib/reason.ts";
import { ToolMissing, type Language } from "./language.ts";
import { fetched, makeComponent, run, which } from "./tools.ts";

const TARGET = "wasm32-unknown-unknown";

interface Compiler {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly name: string;
}

async function findCompiler(fetch: boolean): Promise<Compiler> {
  if ((await which("cargo")) === undefined) throw new ToolMissing("there is no cargo", "see https://rustup.rs");
  // Asked in the example's folder or not, rustc is the one that cargo takes.
  const library = await run("rustc", ["--print", "target-libdir", "--target", TARGET]);
  if (existsSync(library)) return { args: [], env: {}, name: await run("rustc", ["--version"]) };
  const debian = await fetchedDebian(fetch);
  if (debian === undefined) {
    throw new ToolMissing(
      `rustc has no standard library for ${TARGET}`,
      `rustup target add ${TARGET}, or, on Debian with apt-get, let --fetch get a compiler with its sources (130 MB)`,
    );
  }
  const rustc = join(debian, "rustc");
  return {
    args: ["-Zbuild-std=std,panic_abort"],
    // Building the standard library is for nightly compilers, and for those who say that they know.
    env: { RUSTC: rustc, RUSTC_BOOTSTRAP: "1", RUSTFLAGS: `-Clinker=${join(debian, "usr/lib/llvm-22/bin/wasm-ld")}` },
    name: await run(rustc, ["--version"]),
  };
}

/** Debian's compiler of recent Rust with the sources of its library, unpacked and not installed. */
async function fetchedDebian(allowed: boolean): Promise<string | undefined> {
  if ((await which("apt-get")) === undefined) return undefined;
  const folder = await fetched("rust", allowed, async (partial) => {
    const names = ["rustc-web", "libstd-rust-web-dev", "rust-web-src", "libllvm22", "lld-22"];
    const library = /libstd-rust-web-[\d.]+/.exec(await run("apt-cache", ["depends", "libstd-rust-web-dev"]))?.[0];
    if (library === undefined) throw new Error("rustc-web is not a package of this Debian");
    await run("apt-get", ["download", "-qq", ...names, library], { cwd: partial });
    for await (const file of glob("*.deb", { cwd: partial })) {
      await run("dpkg-deb", ["-x", file, "."], { cwd: partial });
      await rm(join(partial, file));
    }
    const rustc = join(partial, "rustc");
    const here = 'here=$(dirname "$0")';
    const start = 'LD_LIBRARY_PATH="$here/usr/lib/$(uname -m)-linux-gnu" exec "$here/usr/bin/rustc" "$@"';
    await writeFile(rustc, `#!/bin/sh\n${here}\n${start}\n`);
    await chmod(rustc, 0o755);
  });
  return folder;
}

export const rust: Language = {
  name: "rust",
  component: "spectrum",
  inputs: ["Cargo.{toml,lock}", "src/*.rs", "wit/**/*.wit"],
  async build({ folder, fetch }) {
    const { args, env, name } = await findCompiler(fetch);
    await run("cargo", ["fetch", "--locked"], { cwd: folder, env }).catch((error: unknown) => {
      throw new ToolMissing("its crates cannot be had", reasonOf(error));
    });
    await run("cargo", ["build", "--locked", "--release", "--target", TARGET, ...args], { cwd: folder, env });
    const core = await readFile(join(folder, "target", TARGET, "release/spectrum.wasm"));
    return { component: await makeComponent({ core }), by: name };
  },
};
