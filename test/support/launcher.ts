// systemd/launch with executables that only say what they are, and a power that goes between any two of its commands.

import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

export const LAUNCHER = resolve(import.meta.dirname, "..", "..", "systemd", "launch");

/** What it changes the disk with, and what it waits with. */
const CHANGES = ["ln", "mv", "rm", "mkdir", "sync"] as const;

export interface LaunchRun {
  /** What the executable that was started said; empty when none was. */
  readonly stdout: string;
  readonly stderr: string;
  readonly signal: string | null;
  /** How long each pause was that it asked for. */
  readonly pauses: readonly number[];
  /** How many commands changed the disk. */
  readonly changes: number;
}

export interface LaunchOptions {
  readonly shell?: readonly string[];
  /** The power goes before this one of the commands that change the disk, counted from 1. */
  readonly cutBefore?: number;
  /** Commands that fail. */
  readonly failing?: readonly (typeof CHANGES)[number][];
  readonly args?: readonly string[];
}

export interface LauncherRig {
  /** Where everything but the state folder lies. */
  readonly home: string;
  readonly state: string;
  readonly folder: string;
  readonly packaged: string;
  /** Replaces the packaged version. */
  usePackaged(version: string): void;
  /** Puts a version there as an update does. */
  add(version: string, script?: string): void;
  link(name: string, target: string): void;
  target(name: string): string | undefined;
  bad(): Readonly<Record<string, string>>;
  launch(options?: LaunchOptions): LaunchRun;
}

const sayer = (version: string): string =>
  `#!/bin/sh\n[ "\${1:-}" != version ] || { echo '{"petiole":"${version}"}'; exit; }\necho "runs ${version} $*"\n`;

/** What it makes lies in `path`; the state folder may be another one. */
export function createLauncherRig(path: string, state = join(path, "state")): LauncherRig {
  const folder = join(state, "agent");
  const packaged = join(path, "packaged");
  const tools = join(path, "tools");
  for (const one of [folder, join(folder, "versions"), tools]) mkdirSync(one, { recursive: true });
  const [count, pid, pauses] = [join(tools, ".count"), join(tools, ".pid"), join(tools, ".pauses")];
  for (const name of CHANGES) {
    const real = spawnSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).stdout.trim();
    const lines = [
      "#!/bin/sh",
      `read -r n <${count}; n=$((n + 1)); echo $n >${count}`,
      `[ "$n" != "\${CUT_BEFORE:-}" ] || { read -r p <${pid}; kill -9 "$p"; exit 1; }`,
      `case " \${FAILING:-} " in *" ${name} "*) exit 1 ;; esac`,
      `exec ${real} "$@"`,
    ];
    writeFileSync(join(tools, name), `${lines.join("\n")}\n`, { mode: 0o755 });
  }
  writeFileSync(join(tools, "sleep"), `#!/bin/sh\necho "$1" >>${pauses}\n`, { mode: 0o755 });

  const rig: LauncherRig = {
    home: path,
    state,
    folder,
    packaged,
    usePackaged: (version) => {
      // Another file, as a package brings it.
      rmSync(packaged, { force: true });
      writeFileSync(packaged, sayer(version), { mode: 0o755 });
    },
    add(version, script = sayer(version)) {
      const home = join(folder, "versions", version);
      mkdirSync(home);
      writeFileSync(join(home, "petiole"), script, { mode: 0o755 });
      const sum = createHash("sha256").update(script).digest("hex");
      writeFileSync(join(home, "sha256"), `${sum}  petiole\n`);
    },
    link(name, target) {
      rmSync(join(folder, name), { force: true });
      symlinkSync(target, join(folder, name));
    },
    target(name) {
      try {
        return readlinkSync(join(folder, name));
      } catch {
        return undefined;
      }
    },
    bad() {
      const home = join(folder, "bad");
      try {
        return Object.fromEntries(
          readdirSync(home).map((name) => [name, readFileSync(join(home, name), "utf8").trim()]),
        );
      } catch {
        return {};
      }
    },
    launch({ shell = ["sh"], cutBefore, failing, args = ["run"] } = {}) {
      writeFileSync(count, "0\n");
      writeFileSync(pauses, "");
      const command = `echo $$ >${pid}; exec "$@"`;
      const found = spawnSync("/bin/sh", ["-c", command, "sh", ...shell, LAUNCHER, ...args], {
        encoding: "utf8",
        env: {
          PATH: `${tools}:${process.env["PATH"] ?? "/usr/bin:/bin"}`,
          STATE_DIRECTORY: state,
          PETIOLE_PACKAGED: packaged,
          ...(cutBefore !== undefined && { CUT_BEFORE: String(cutBefore) }),
          ...(failing !== undefined && { FAILING: failing.join(" ") }),
        },
      });
      return {
        stdout: found.stdout.trim(),
        stderr: found.stderr,
        signal: found.signal,
        pauses: readFileSync(pauses, "utf8").split("\n").filter(Boolean).map(Number),
        changes: Number(readFileSync(count, "utf8")),
      };
    },
  };
  rig.usePackaged("0.1.0");
  return rig;
}
