// `ssh gateway …` and `scp … gateway:…` of the reader, whatever the device is that is meant.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { basename, join, resolve } from "node:path";
import { reasonOf } from "../../src/lib/reason.ts";

export interface Remote {
  /** Runs a line for a shell in the home of its user. */
  run(line: string): Promise<{ readonly code: number; readonly output: string }>;
  /** `path` starts in that home. */
  put(path: string, content: Buffer, mode: number): Promise<void>;
}

/** The name that the tutorial has for the device. */
const HOST = "gateway";

/** Puts the two programs into `bin`; they work as long as this is not disposed. */
export async function installRemotePrograms(bin: string, remote: Remote): Promise<AsyncDisposable> {
  const socket = join(bin, "remote.sock");
  const server = createServer({ allowHalfOpen: true }, (client) => {
    let asked = "";
    client.setEncoding("utf8");
    client.on("data", (data: string) => (asked += data));
    client.on("end", () => {
      // The programs below send this.
      carryOut(remote, JSON.parse(asked) as Request)
        .catch((error: unknown) => ({ code: 255, output: `${reasonOf(error)}\n` }))
        .then(
          (answer) => client.end(JSON.stringify(answer)),
          () => client.destroy(),
        );
    });
  });
  server.listen(socket);
  await once(server, "listening");
  for (const name of ["ssh", "scp"]) {
    const file = join(bin, name);
    await writeFile(file, programText(name, socket));
    await chmod(file, 0o755);
  }
  return {
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}

interface Request {
  readonly name: string;
  readonly args: readonly string[];
  readonly cwd: string;
}

/** Any Node of the reader's runs it. */
const programText = (name: string, socket: string): string => `#!/usr/bin/env node
const client = require("node:net").connect(${JSON.stringify(socket)});
client.end(JSON.stringify({ name: ${JSON.stringify(name)}, args: process.argv.slice(2), cwd: process.cwd() }));
let answer = "";
client.on("data", (data) => (answer += data));
client.on("end", () => {
  const { code, output } = JSON.parse(answer);
  process.stdout.write(output);
  process.exitCode = code;
});
`;

async function carryOut(remote: Remote, { name, args, cwd }: Request) {
  if (name === "ssh") {
    const [host, ...words] = args;
    if (host !== HOST) throw new Error(`ssh: there is no "${host}", want ${HOST}`);
    return await remote.run(words.join(" "));
  }
  const files = args.slice(0, -1);
  const [, target] = /^([^:]+):(.*)$/.exec(args.at(-1) ?? "")?.slice(1) ?? [];
  if (target === undefined || files.length === 0) throw new Error(`scp: want files and ${HOST}:FOLDER/`);
  for (const file of files) {
    const content = await readFile(resolve(cwd, file));
    await remote.put(target.endsWith("/") || target === "" ? `${target}${basename(file)}` : target, content, 0o644);
  }
  return { code: 0, output: "" };
}

/** A folder of this machine that plays the device: its user's home, and an agent. */
export interface PretendedDevice {
  /** In place of the root of its file system. */
  readonly folder: string;
  /** Before the PATH of its commands. */
  readonly bin: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Absolute paths outside the device's folder are those that its commands name: `/srv/…`. */
export function pretendRemote({ folder, bin, env }: PretendedDevice): Remote {
  const home = join(folder, "home");
  const place = (path: string): string => (path.startsWith("/srv/") ? join(folder, path) : resolve(home, path));
  return {
    async run(line) {
      await mkdir(home, { recursive: true });
      const child = spawn("bash", ["-c", line.replaceAll(/(?<![\w.])\/srv\b/g, join(folder, "srv"))], {
        cwd: home,
        env: { ...env, HOME: home, PATH: `${bin}:${env["PATH"] ?? ""}` },
        stdio: ["ignore", "pipe", "pipe"],
      });
      let output = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8");
        stream.on("data", (data: string) => (output += data));
      }
      const [code] = (await once(child, "close")) as [number | null];
      return { code: code ?? 255, output: output.replaceAll(folder, "") };
    },
    async put(path, content, mode) {
      await writeFile(place(path), content, { mode });
    },
  };
}
