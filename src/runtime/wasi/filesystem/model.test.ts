// Random operations through a guest's folder and, on a twin of it, through Node's own functions: the same results, the
// same trees, and nothing outside is ever touched. Where the twin's path leads out, as the kernel resolves it, the guest
// has to be refused.

import {
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { array, assert, boolean, constant, constantFrom, oneof, property, record, tuple } from "fast-check";
import { describe, test } from "vitest";
import { fsErrorCode } from "./errors.ts";
import {
  contents,
  makeFolder,
  openGuest,
  READ,
  READ_WRITE,
  value,
  type TestFolder,
  type TestGuest,
} from "../../../../test/support/guest-files.ts";

const name = constantFrom("a", "b", "c", "away", "home");
const folders = array(oneof({ weight: 4, arbitrary: name }, constantFrom("..", ".")), { maxLength: 3 });
const path = tuple(folders, name).map(([parents, last]) => [...parents, last].join("/"));
// None that leads out and, by the name of the granted folder, in again.
const target = oneof(path, constantFrom("..", ".", "../../..", "a/..", "../secret", "../../secret", "b/../../secret"));
const text = constantFrom("", "x", "some text");

const operation = oneof(
  record({ kind: constant("mkdir"), path }),
  record({ kind: constant("rmdir"), path }),
  record({ kind: constant("unlink"), path }),
  record({ kind: constant("symlink"), target, path }),
  record({ kind: constant("rename"), path, to: path }),
  record({ kind: constant("link"), path, to: path }),
  record({ kind: constant("write"), path, follow: boolean(), exclusive: boolean(), truncate: boolean(), text }),
  record({ kind: constant("read"), path }),
  record({ kind: constant("stat"), path, follow: boolean() }),
  record({ kind: constant("readlink"), path }),
);

type Operation = typeof operation extends { generate(...args: never[]): { readonly value: infer T } } ? T : never;

/** What came of an operation, in a form that is the same for both. */
type Outcome = string;

function throughGuest({ root }: TestGuest, one: Operation): Outcome {
  const result = (() => {
    switch (one.kind) {
      case "mkdir":
        return root.createDirectoryAt(one.path);
      case "rmdir":
        return root.removeDirectoryAt(one.path);
      case "unlink":
        return root.unlinkFileAt(one.path);
      case "symlink":
        return root.symlinkAt(one.target, one.path);
      case "rename":
        return root.renameAt(one.path, root, one.to);
      case "link":
        return root.linkAt({}, one.path, root, one.to);
      case "write": {
        const flags = { create: true, exclusive: one.exclusive, truncate: one.truncate };
        const opened = root.openAt({ symlinkFollow: one.follow }, one.path, flags, READ_WRITE);
        if (opened.tag === "err") return opened;
        using file = opened.val;
        value(file.write(Buffer.from(one.text), 0n));
        return { tag: "ok" as const, val: undefined };
      }
      case "read": {
        const opened = root.openAt({ symlinkFollow: true }, one.path, {}, READ);
        if (opened.tag === "err") return opened;
        using file = opened.val;
        const isFile = value(file.getType()) === "regular-file";
        return { tag: "ok" as const, val: isFile ? contents(file) : "a folder" };
      }
      case "stat": {
        const stat = root.statAt({ symlinkFollow: one.follow }, one.path);
        return stat.tag === "err" ? stat : { tag: "ok" as const, val: stat.val.type };
      }
      case "readlink":
      default:
        return root.readlinkAt(one.path);
    }
  })();
  return result.tag === "err" ? `err ${result.val}` : `ok ${result.val ?? ""}`;
}

const ESCAPES = "err not-permitted";

function throughNode(granted: string, one: Operation): Outcome {
  try {
    const at = (path: string, follow: boolean): string => new KernelWalk(granted).resolve(granted, path, follow);
    switch (one.kind) {
      case "mkdir":
        mkdirSync(at(one.path, false));
        return "ok ";
      case "rmdir":
        rmdirSync(at(one.path, false));
        return "ok ";
      case "unlink":
        unlinkSync(at(one.path, false));
        return "ok ";
      case "symlink":
        symlinkSync(one.target, at(one.path, false));
        return "ok ";
      case "rename":
        renameSync(at(one.path, false), at(one.to, false));
        return "ok ";
      case "link":
        linkSync(at(one.path, false), at(one.to, false));
        return "ok ";
      case "write":
        writeThroughNode(at(one.path, one.follow && !one.exclusive), one);
        return "ok ";
      case "read": {
        const file = at(one.path, true);
        return `ok ${statSync(file).isFile() ? readFileSync(file, "utf8") : "a folder"}`;
      }
      case "stat": {
        const stats = lstatSync(at(one.path, one.follow));
        return `ok ${stats.isFile() ? "regular-file" : stats.isDirectory() ? "directory" : "symbolic-link"}`;
      }
      case "readlink":
      default:
        return `ok ${readlinkSync(at(one.path, false))}`;
    }
  } catch (error) {
    if (error instanceof Escape) return ESCAPES;
    return `err ${fsErrorCode(error)}`;
  }
}

function writeThroughNode(file: string, one: Operation & { readonly kind: "write" }): void {
  // O_NOFOLLOW, which the string flags do not have: a link at the end is refused unless it was resolved before.
  const isLink = lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  if (isLink) throw errno(one.exclusive ? "EEXIST" : "ELOOP");
  const present = statSync(file, { throwIfNoEntry: false }) !== undefined;
  const fd = openSync(file, one.exclusive ? "wx+" : one.truncate || !present ? "w+" : "r+");
  writeSync(fd, one.text, 0);
  closeSync(fd);
}

class Escape extends Error {}

const errno = (code: string): Error => Object.assign(new Error(code), { code, syscall: "open" });

/** Where the kernel would go, one step after the other; the last one only with `follow`. */
class KernelWalk {
  readonly #granted: string;
  // As the kernel, for all of a path: else links that lead to each other twice would be walked for ever.
  #links = 0;

  constructor(granted: string) {
    this.#granted = realpathSync(granted);
  }

  resolve(from: string, path: string, follow: boolean): string {
    let directory = from;
    const steps = path.split("/");
    const last = steps.pop() ?? "";
    for (const step of steps) {
      directory = this.#step(directory, step);
      if (!statSync(directory).isDirectory()) throw errno("ENOTDIR");
    }
    return follow || last === "." || last === ".." ? this.#step(directory, last) : join(directory, last);
  }

  #step(directory: string, step: string): string {
    if (step === ".") return directory;
    if (step === "..") {
      if (directory === this.#granted) throw new Escape();
      return dirname(directory);
    }
    const file = join(directory, step);
    if (lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return file;
    if (++this.#links > 40) throw errno("ELOOP");
    return this.resolve(directory, readlinkSync(file), true);
  }
}

/** Everything below a folder, with what is in it. Links are not followed, as `recursive` of readdir would. */
function tree(folder: string, below = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(join(folder, below)).toSorted()) {
    const path = join(below, entry);
    const file = join(folder, path);
    const stats = lstatSync(file);
    if (stats.isSymbolicLink()) found[path] = `-> ${readlinkSync(file)}`;
    else if (stats.isDirectory()) Object.assign(found, { [path]: "folder" }, tree(folder, path));
    else found[path] = `${stats.nlink} ${readFileSync(file, "utf8")}`;
  }
  return found;
}

/** With a secret beside the granted folder, and links to it. */
function makeTwin(): TestFolder {
  const folder = makeFolder();
  writeFileSync(join(folder.outside, "secret"), "secret");
  symlinkSync("..", join(folder.granted, "away"));
  mkdirSync(join(folder.granted, "a"));
  writeFileSync(join(folder.granted, "b"), "a file");
  symlinkSync("../..", join(folder.granted, "a/away"));
  symlinkSync("..", join(folder.granted, "a/home"));
  return folder;
}

/** One of each that works, so that not only refusals are compared. */
const EXAMPLE: Operation[] = [
  { kind: "mkdir", path: "c" },
  { kind: "write", path: "c/a", follow: false, exclusive: true, truncate: false, text: "x" },
  { kind: "link", path: "c/a", to: "a/c" },
  { kind: "symlink", target: "a/c", path: "home" },
  { kind: "read", path: "home" },
  { kind: "stat", path: "home", follow: true },
  { kind: "readlink", path: "home" },
  { kind: "rename", path: "c/a", to: "a/home/c/b" },
  { kind: "unlink", path: "c/b" },
  { kind: "rmdir", path: "c" },
  { kind: "read", path: "away/secret" },
];

describe("a granted folder", () => {
  test("behaves as the file system does, and what is outside stays as it was", ({ expect }) => {
    const seen = new Set<string>();
    assert(
      property(array(operation, { minLength: 8, maxLength: 24 }), (operations) => {
        using folder = makeTwin();
        using twin = makeTwin();
        using guest = openGuest(folder.granted);
        for (const one of operations) {
          const expected = throughNode(twin.granted, one);
          const outcome = throughGuest(guest, one);
          seen.add(`${one.kind} ${outcome.split(" ", 2).join(" ")}`);
          expect(outcome, JSON.stringify(one)).toBe(expected);
        }
        const { granted } = folder;
        expect(tree(granted)).toEqual(tree(twin.granted));
        expect(readdirSync(folder.outside).toSorted()).toEqual([basename(granted), "secret"]);
        expect(readFileSync(join(folder.outside, "secret"), "utf8")).toBe("secret");
      }),
      { numRuns: 100, examples: [[EXAMPLE]] },
    );
    for (const { kind } of EXAMPLE)
      expect(
        [...seen].some((one) => one.startsWith(`${kind} ok`)),
        kind,
      ).toBe(true);
    expect(seen).toContain(`read ${ESCAPES}`);
  });
});
