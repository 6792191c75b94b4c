// For tests: a guest's view of its folders.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WasiResult } from "../../src/runtime/wasi/result.ts";
import type { Suspend } from "../../src/runtime/wasi/waiting.ts";
import type { Descriptor } from "../../src/runtime/wasi/filesystem/descriptor.ts";
import { createFilesystem } from "../../src/runtime/wasi/filesystem/index.ts";
import type { DescriptorFlags, OpenFlags } from "../../src/runtime/wasi/filesystem/open.ts";

export const FOLLOW = { symlinkFollow: true };
export const READ = { read: true };
export const READ_WRITE = { read: true, write: true };

export const suspend: Suspend = (arm) => new Promise((resume) => void arm(resume));

export interface TestFolder extends Disposable {
  /** Holds `granted` and whatever the guest must not see. */
  readonly outside: string;
  readonly granted: string;
}

export function makeFolder(): TestFolder {
  const outside = mkdtempSync(join(tmpdir(), "petiole-sandbox-"));
  const granted = join(outside, "granted");
  mkdirSync(granted);
  return { outside, granted, [Symbol.dispose]: () => rmSync(outside, { recursive: true, force: true }) };
}

export interface TestGuest extends Disposable {
  readonly root: Descriptor;
  open(path: string, openFlags?: OpenFlags, flags?: DescriptorFlags): WasiResult<Descriptor, string>;
}

export function openGuest(host: string, write = true, within?: readonly string[]): TestGuest {
  const { interfaces, [Symbol.dispose]: dispose } = createFilesystem({
    folders: [{ host, guest: "/data", write, within }],
    suspend,
  });
  const preopens = interfaces["wasi:filesystem/preopens"]?.["getDirectories"] as () => [Descriptor, string][];
  const [[root] = []] = preopens();
  if (root === undefined) throw new Error("nothing is preopened");
  return {
    root,
    open: (path, openFlags = {}, flags = READ) => root.openAt(FOLLOW, path, openFlags, flags),
    [Symbol.dispose]: dispose,
  };
}

/** The ok value. */
export function value<T>(result: WasiResult<T, unknown>): T {
  if (result.tag === "err") throw new Error(`err: ${String(result.val)}`);
  return result.val;
}

export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** All of a file, as a guest reads it. */
export function contents(file: Descriptor): string {
  let read = "";
  for (let end = false; !end;) {
    const [bytes, atEnd] = value(file.read(65_536n, BigInt(Buffer.byteLength(read))));
    read += text(bytes);
    end = atEnd;
  }
  return read;
}
