// The first process of the device lab's machine: mounts what the suites need, makes a chip of gpio-sim, runs the suites
// one after another, tells how they ended, and switches the machine off.

import { spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dlopen } from "node:ffi";
import process from "node:process";

const POWER_OFF = 0x4321fedc;

/** Of arm64; the C library has no function for it. */
const FINIT_MODULE = 273n;

const { functions } = dlopen(null, {
  mount: { arguments: ["string", "string", "string", "u64", "pointer"], return: "i32" },
  syscall: { arguments: ["u64", "u64", "string", "u64"], return: "i64" },
  reboot: { arguments: ["u32"], return: "i32" },
});

function mount(type: string, path: string): void {
  mkdirSync(path, { recursive: true });
  if (functions.mount(type, path, type, 0n, 0n) !== 0) throw new Error(`Cannot mount ${type} on ${path}`);
}

function load(module: string): void {
  const descriptor = openSync(module, "r");
  const result = functions.syscall(FINIT_MODULE, BigInt(descriptor), "", 0n);
  closeSync(descriptor);
  if (result !== 0n) throw new Error(`Cannot load ${module}`);
}

/** Gives the name of its device file. */
function makeChip(): string {
  const device = "/sys/kernel/config/gpio-sim/lab";
  mkdirSync(`${device}/bank0`, { recursive: true });
  writeFileSync(`${device}/bank0/num_lines`, "32");
  writeFileSync(`${device}/bank0/label`, "petiole-sim");
  writeFileSync(`${device}/live`, "1");
  return `/dev/${readFileSync(`${device}/bank0/chip_name`, "utf8").trim()}`;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

let failed = 0;
try {
  mount("devtmpfs", "/dev");
  mount("proc", "/proc");
  mount("sysfs", "/sys");
  for (const module of readdirSync("/modules").sort()) load(`/modules/${module}`);
  mount("configfs", "/sys/kernel/config");
  mount("tmpfs", "/tmp");
  mount("devpts", "/dev/pts");
  const env = {
    ...process.env,
    PETIOLE_TEST_GPIOCHIP: makeChip(),
    PETIOLE_TEST_UARTS: "/dev/ttyS0,/dev/ttyS1",
    TMPDIR: "/tmp",
    HOME: "/tmp",
    // The report is read by a program.
    NO_COLOR: "1",
  };
  for (const suite of (process.env["SUITES"] ?? "").split(",")) {
    say(`\n── ${suite}`);
    const { status } = spawnSync(process.execPath, ["--test-reporter=spec", `/suites/run/${suite}.mjs`], {
      env,
      stdio: "inherit",
    });
    if (status !== 0) failed += 1;
  }
} catch (error) {
  say(String(error));
  failed += 1;
}
// What waits for this line takes the machine's word for nothing else.
say(`\ndevice lab: ${failed} failed`);
functions.reboot(POWER_OFF);
