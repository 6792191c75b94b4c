// Programs under sources/, compiled by other people's compilers with their standard libraries.

import { bare, program, request, type ForeignComponent } from "../foreign-component.ts";

const RUST = "rustc 1.96, wasip1 with adapter";
const C = "Zig's clang and wasi-libc, adapter";
const exits = (status: number) => ({
  fails: "ERR_COMPONENT_TRAP" as const,
  says: `exited with status ${status}`,
  because: `it ends itself with status ${status}`,
});

export const PROGRAMS: readonly ForeignComponent[] = [
  {
    name: "rust-files",
    language: "Rust",
    madeWith: RUST,
    shows: "files and folders, and that no path leads out of those granted",
    folders: true,
    calls: [
      program([
        "lines one,two,three,four",
        "tail four",
        "length 8",
        "names b.txt,c.txt",
        'content "one\\nTWO\\n"',
        "absent Some(44)",
        "exists Some(20)",
        "not empty Some(55)",
        "above Some(63)",
        "elsewhere Some(44)",
        "read only Some(69)",
        "fixed given",
        "left 0",
      ]),
    ],
  },
  {
    name: "rust-clocks",
    language: "Rust",
    madeWith: RUST,
    shows: "clocks, sleeping, randomness, environment",
    env: { SITE: "greenhouse" },
    calls: [program(["slept true", "this century true", "random true", "site greenhouse", "arguments 1"])],
  },
  {
    name: "rust-exit-0",
    packed: "rust-exit",
    language: "Rust",
    madeWith: RUST,
    shows: "a program that ends itself, well",
    env: { STATUS: "0" },
    calls: [program(["leaving"], exits(0))],
  },
  {
    name: "rust-exit-3",
    packed: "rust-exit",
    language: "Rust",
    madeWith: RUST,
    shows: "a program that ends itself with a status; the adapter makes it 1",
    env: { STATUS: "3" },
    calls: [program(["leaving"], exits(1))],
  },
  {
    name: "rust-sockets-denied",
    packed: "rust-sockets",
    language: "Rust",
    madeWith: RUST,
    shows: "sockets and name look-up without a grant",
    calls: [program(["tcp refused: access-denied", "udp refused: access-denied", "names refused: access-denied"])],
  },
  {
    name: "rust-sockets-granted",
    packed: "rust-sockets",
    language: "Rust",
    madeWith: RUST,
    shows: "a TCP connection to a granted address",
    server: "tcp",
    calls: [program(['tcp "pong"', 'udp "connected"', "names refused: access-denied"])],
  },
  {
    name: "rust-fetch-denied",
    packed: "rust-fetch",
    language: "Rust",
    madeWith: RUST,
    shows: "an HTTP request without a grant",
    calls: [program(["Err(ErrorCode::HttpRequestDenied)"])],
  },
  {
    name: "rust-fetch-granted",
    packed: "rust-fetch",
    language: "Rust",
    madeWith: RUST,
    shows: "an HTTP request with a body to a granted address",
    server: "http",
    calls: [program(['Ok((201, "POST /where?q=1 by rust: a question"))'])],
  },
  {
    name: "rust-serve",
    language: "Rust",
    madeWith: RUST,
    shows: "serving HTTP: bodies in pieces, headers",
    calls: [
      request(
        { method: "GET", pathWithQuery: "/leaf?n=1", headers: [["x-site", "greenhouse"]], body: undefined },
        200,
        "Method::Get /leaf?n=1\nx-site: greenhouse\nbody of 0 bytes\n",
      ),
      request(
        { method: "POST", pathWithQuery: "/", headers: [], body: new Uint8Array(1_000_000) },
        202,
        "Method::Post /\nbody of 1000000 bytes\n",
      ),
    ],
  },
  {
    name: "rust-text",
    language: "Rust",
    madeWith: `${RUST}, wit-bindgen 0.63`,
    shows: "pulldown-cmark and semver behind functions of the world itself",
    calls: [
      bare("markdown", ["# Leaf\n\n* a *b*"], {
        value: "<h1>Leaf</h1>\n<ul>\n<li>a <em>b</em></li>\n</ul>\n",
      }),
      bare("count", ["der Blattstiel wächst"], { value: { bytes: 22, words: 3, longest: "Blattstiel" } }),
      bare("count", [""], { value: { bytes: 0, words: 0, longest: undefined } }),
      bare("compare", ["1.2.3", "1.10.0"], { value: "less" }),
      bare("compare", ["1.2", "1.10.0"], { err: "unexpected end of input while parsing minor version number" }),
    ],
  },
  {
    name: "rust-wasi3",
    language: "Rust",
    madeWith: RUST,
    shows: "a program for WASI 0.3",
    refused: {
      at: "load",
      code: "ERR_COMPONENT_INVALID",
      says: "want version 0.2 of WASI",
      because: "petiole serves WASI 0.2",
    },
    calls: [],
  },
  {
    name: "c-stdio",
    language: "C",
    madeWith: C,
    shows: "standard I/O, links, directories",
    folders: true,
    env: { SITE: "greenhouse" },
    calls: [
      program(
        [
          "read seven 7 7.25",
          "size 13 regular 1",
          "link notes.txt",
          "entries 2",
          "escape -1 Operation not permitted",
          "site greenhouse",
        ],
        exits(1),
      ),
    ],
  },
  {
    name: "c-abort",
    language: "C",
    madeWith: C,
    shows: "a failed assertion",
    calls: [
      program(["about to fail"], {
        fails: "ERR_COMPONENT_TRAP",
        says: "unreachable",
        because: "its assertion fails",
      }),
    ],
  },
  {
    name: "c-simd",
    language: "C",
    madeWith: C,
    shows: "vectors, tail calls, saturating conversion",
    calls: [program(["dot 1047552", "tail 1500000", "saturated 2147483647"])],
  },
  {
    name: "c-sqlite",
    language: "C",
    madeWith: `${C}; SQLite 3.50`,
    shows: "SQLite on a database file: locks, transactions, truncation",
    folders: true,
    calls: [
      program([
        "sensor=leaf-0 n=400 mean=501.25",
        "sensor=leaf-1 n=400 mean=499.25",
        "error NOT NULL constraint failed: reading.sensor",
        "kept=2000 most=1000.0",
        "integrity_check=ok",
      ]),
    ],
  },
  {
    name: "cpp-words",
    language: "C++",
    madeWith: "Zig's clang++ and libc++, adapter",
    shows: "containers, iostreams, virtual calls",
    calls: [program(["the=3 and=2 leaf=1 root=1 stem=1 ", "area 14"])],
  },
  {
    name: "zig-hash",
    language: "Zig",
    madeWith: "Zig 0.17, adapter",
    shows: "the standard library without libc",
    calls: [
      program(["zig 42 beef", "sha256 6ccbd8808c27696e2fc29101a23bfaece1882dd12125b53ffe41df6e67d31051"], exits(0)),
    ],
  },
  {
    name: "zig-module",
    language: "Zig",
    madeWith: "Zig 0.17",
    shows: "the same before it was made a component",
    refused: {
      at: "load",
      code: "ERR_COMPONENT_INVALID",
      says: "is a core module, not a component",
      because: "it is a core module; the reason says what to do",
    },
    calls: [],
  },
  {
    name: "go-goroutines",
    language: "Go",
    madeWith: "Go 1.26, wasip1 with adapter",
    shows: "goroutines, timers, files, a recovered panic; Go ends every program by exit",
    folders: true,
    env: { SITE: "greenhouse" },
    calls: [
      program(
        [
          "sum 30",
          "timer fired",
          'fields ["leaf" "1" "stem" "2"]',
          "names state.txt",
          "absent true",
          "site greenhouse",
          "recovered assignment to entry in nil map",
        ],
        exits(1),
      ),
    ],
  },
  {
    name: "assemblyscript-words",
    language: "AssemblyScript",
    madeWith: "AssemblyScript 0.28, wasi-shim, adapter",
    shows: "a garbage collector of its own",
    calls: [program(["leaf 3", "pi 3.141592653589793"])],
  },
];
