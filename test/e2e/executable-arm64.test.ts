// Contract: the executable for arm64 starts and does its work on a processor of that kind, which qemu-user plays here. It is a quick look;
// `npm run test:device` has a whole machine.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, test } from "vitest";
import { stringify } from "yaml";
import { VERSION } from "../../src/domain/version.ts";
import { exampleComponent } from "../support/agent.ts";
import { tempFolder } from "../support/processes.ts";
import { skipping } from "../support/skip.ts";

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, "../..");
const PROGRAM = process.env["PETIOLE_TEST_EXECUTABLE_ARM64"] ?? join(ROOT, "dist/linux-arm64/petiole");
const EMULATOR = "/usr/bin/qemu-aarch64-static";
/** Of Debian's cross compiler for arm64. */
const LIBRARIES = "/usr/aarch64-linux-gnu";
/** In some surroundings every program hangs under qemu-user. */
const LIMIT = 100_000;

const NEEDED = [
  [PROGRAM, "npm run build -- --target linux-arm64 makes it"],
  [EMULATOR, "it is in Debian's package qemu-user-static"],
  [join(LIBRARIES, "lib/libstdc++.so.6"), "it is in Debian's package g++-aarch64-linux-gnu"],
] as const;
const missing = NEEDED.slice(0, process.arch === "arm64" ? 1 : undefined).find(([path]) => !existsSync(path));
const skip = skipping(missing !== undefined, "the executable for arm64", `there is no ${missing?.join(": ")}`);

describe.skipIf(skip)("the executable for arm64", () => {
  const petiole = async (...args: readonly string[]): Promise<string> => {
    const command = process.arch === "arm64" ? [PROGRAM] : [EMULATOR, "-L", LIBRARIES, PROGRAM];
    const [program = "", ...first] = [...command, ...args];
    const { stdout } = await run(program, first, { timeout: LIMIT, killSignal: "SIGKILL" });
    return stdout;
  };

  test("tells its versions", async ({ expect }) => {
    expect(JSON.parse(await petiole("version", "--json"))).toMatchObject({ petiole: VERSION, arch: "arm64" });
  });

  test("checks a configuration whose providers have add-ons, and components", async ({ expect }) => {
    await using folder = await tempFolder();
    const file = join(folder.path, "petiole.yaml");
    const config = {
      device: { id: "gw-1" },
      state_dir: join(folder.path, "state"),
      cache_dir: join(folder.path, "cache"),
      runtime_dir: join(folder.path, "run"),
      components: { lamp: { file: exampleComponent("button-lamp") } },
      providers: {
        pins: {
          type: "gpio",
          config: { chip: { backend: "cdev", chip: "gpiochip0" }, lines: { led: { line: 1, direction: "output" } } },
        },
        uart: { type: "serial", config: { ports: { tank: { path: "/dev/ttyS0", baud_rate: 9600 } } } },
        store: { type: "keyvalue-sqlite" },
      },
    };
    await writeFile(file, stringify(config));
    expect(await petiole("config", "check", file)).toContain("no faults (1 components, 3 providers");
  });
});
