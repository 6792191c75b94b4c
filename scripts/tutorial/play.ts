// Follows docs/tutorial.md in an empty folder. What is not as written there:
//
// - `npx petiole new` takes the package of this checkout, instead of the one of the registry;
// - `ssh gateway` and `scp … gateway:` go to the device that is given, or else to a folder of this machine, where an agent of this
//   checkout runs: `sudo` is left out there, and /srv is below that folder;
// - the port 8080 is another one, which is free; also in the manifest of the project that `new` made.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../../test/support/ports.ts";
import { LAUNCHER, startAgent } from "../stage/agent.ts";
import { waitUntil } from "../stage/wait.ts";
import { readTutorial } from "./document.ts";
import { followTutorial, type Followed } from "./follow.ts";
import { installRemotePrograms, pretendRemote, type Remote } from "./remote.ts";
import { openTerminal } from "./terminal.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
export const TUTORIAL = join(ROOT, "docs/tutorial.md");

export interface PlayOptions {
  readonly document: string;
  /** The package, as `npm pack` makes it; without it, the reader has this checkout. */
  readonly tarball: string | undefined;
  readonly say: (line: string) => void;
  /** The device; without it, this machine plays one. */
  readonly remote?: Remote;
  /** The reader's folder is left, and named. */
  readonly keep?: boolean;
}

/** @throws Error at the first step that goes otherwise than the document shows */
export async function playTutorial(options: PlayOptions): Promise<Followed> {
  const { document, tarball, say, keep = false } = options;
  const chapters = readTutorial(await readFile(document, "utf8"), "tutorial.md");
  const folder = await mkdtemp(join(tmpdir(), "petiole-tutorial-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => {
    if (keep) say(`\nEverything is left in ${folder}`);
    else await rm(folder, { recursive: true, force: true });
  });
  const bin = join(folder, "bin");
  const start = join(folder, "reader");
  await mkdir(bin);
  await mkdir(start);
  const port = String(await freePort());
  await writeProgram(bin, "npx", npxText(tarball, port));
  const remote = options.remote ?? (await startPretendedDevice(folder, stack));
  stack.use(await installRemotePrograms(bin, remote));
  return await followTutorial(chapters, {
    terminal: openTerminal({ folder, start, env: readersEnv(bin) }),
    rewrite: (text) => text.replaceAll("8080", port),
    say,
    patience: 120_000,
  });
}

/** No variable of npm's own, which runs this, may tell the reader's npm where it is. */
function readersEnv(bin: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(?:npm_|INIT_CWD$|NODE_OPTIONS$|VITEST)/i.test(name));
  const path = (process.env["PATH"] ?? "").split(delimiter).filter((place) => !place.includes("node_modules"));
  return { ...Object.fromEntries(own), PATH: [bin, ...path].join(delimiter), NO_COLOR: "1" };
}

const npxText = (tarball: string | undefined, port: string): string => `#!/bin/sh
PATH=\${PATH#*:}
if [ "$1 $2" != "petiole new" ]; then exec npx "$@"; fi
shift
${tarball === undefined ? LAUNCHER : `npx --yes --package="${tarball}" petiole`} "$@" || exit
sed -i "s/8080/${port}/" */application.yaml
`;

async function startPretendedDevice(folder: string, stack: AsyncDisposableStack): Promise<Remote> {
  const device = join(folder, "device");
  const bin = join(device, "bin");
  const configFile = join(device, "petiole.yaml");
  for (const place of [bin, join(device, "srv"), join(device, "home")]) await mkdir(place, { recursive: true });
  const places = ["state_dir", "cache_dir", "runtime_dir"].map((name) => `${name}: ${join(device, name)}\n`).join("");
  await writeFile(configFile, `device: { id: gateway }\nstore: { volatile: accept }\n${places}`);
  await writeProgram(bin, "sudo", `#!/bin/sh\nexec "$@"\n`);
  await writeProgram(bin, "petiole", `#!/bin/sh\nPETIOLE_CONFIG=${configFile} exec ${LAUNCHER} "$@"\n`);
  const agent = stack.use(await startAgent(configFile, join(device, "agent.log")));
  const patience = { every: 200, within: 60_000, signal: agent.ended };
  await waitUntil("the agent of the device", () => agent.status(), patience);
  return pretendRemote({ folder: device, bin, env: process.env });
}

async function writeProgram(bin: string, name: string, text: string): Promise<void> {
  await writeFile(join(bin, name), text);
  await chmod(join(bin, name), 0o755);
}

/** `npm pack` of this checkout. */
export async function packPackage(folder: string): Promise<string> {
  const child = spawn("npm", ["pack", "--silent", "--pack-destination", folder], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (text: string) => (output += text));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`npm pack ended with ${code}`);
  return join(folder, output.trim().split("\n").at(-1) ?? "");
}
