// What is on the root partition of an image: read with debugfs, which needs no rights and writes nothing.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

export interface RootSystem {
  /** Of its libraries; undefined when they are of none of these. */
  readonly arch: "arm64" | "amd64" | "armhf" | undefined;
  /** Whether the boot partition has its place at /boot/firmware. */
  readonly hasFirmwareFolder: boolean;
}

const TRIPLETS = { "aarch64-linux-gnu": "arm64", "x86_64-linux-gnu": "amd64", "arm-linux-gnueabihf": "armhf" } as const;

/** Undefined when there is no ext4 with a system at `offset`, or no debugfs. */
export async function inspectRoot(image: string, offset: number): Promise<RootSystem | undefined> {
  const listed = await list(`${image}?offset=${offset}`, ["/usr/lib", "/boot"]);
  const [libraries, boot] = [listed?.get("/usr/lib") ?? [], listed?.get("/boot") ?? []];
  if (libraries.length === 0) return undefined;
  // A 64-bit system may have 32-bit libraries besides.
  const triplet = Object.entries(TRIPLETS).find(([name]) => libraries.includes(name));
  return { arch: triplet?.[1], hasFirmwareFolder: boot.includes("firmware") };
}

async function list(device: string, folders: readonly string[]): Promise<Map<string, string[]> | undefined> {
  // Where it is, is in root's PATH alone.
  const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
  const child = spawn("debugfs", ["-f", "-", device], { env, stdio: ["pipe", "pipe", "ignore"] });
  child.stdin.on("error", () => {});
  const failed = once(child, "error").then(() => undefined);
  child.stdin.end(folders.map((folder) => `ls -p ${folder}\n`).join(""));
  const output = await Promise.race([text(child.stdout), failed]);
  return output === undefined ? undefined : parseListing(output);
}

/** Each command comes back before what it printed: `/inode/mode/user/group/name/size/` a line. */
function parseListing(output: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let names: string[] = [];
  for (const line of output.split("\n")) {
    const folder = /^debugfs: +ls -p (.*)$/.exec(line)?.[1];
    if (folder !== undefined) {
      names = [];
      found.set(folder.trim(), names);
    }
    const name = line.startsWith("/") ? line.split("/")[5] : undefined;
    if (name !== undefined && name !== "." && name !== "..") names.push(name);
  }
  return found;
}
