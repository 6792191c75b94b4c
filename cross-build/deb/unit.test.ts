// The units, as systemd's own tools judge them.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempDisposableSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { UNITS } from "./files.ts";

const SYSTEMD = join(import.meta.dirname, "../../systemd");
const analyze = (...args: string[]) => spawnSync("systemd-analyze", args, { encoding: "utf8" });
const major = Number(/^systemd (\d+)/.exec(analyze("--version").stdout ?? "")?.[1] ?? 0);
// `security --offline` came with 250.
const missing = major < 250;
if (missing) console.warn("skipped: there is no systemd-analyze on this machine, or one older than 250");

const PATIENCE = 120_000;

describe("petiole.service", { timeout: PATIENCE }, () => {
  const unit = readFileSync(join(SYSTEMD, "petiole.service"), "utf8");

  test.skipIf(missing)("is exposed no more than 2.5", ({ expect }) => {
    const { status, stdout } = analyze(
      "security",
      "--offline=true",
      "--threshold=25",
      "--no-pager",
      join(SYSTEMD, "petiole.service"),
    );
    expect(status, stdout?.split("\n").slice(-3).join("\n")).toBe(0);
  });

  test("lets V8 compile, and waits for no network", ({ expect }) => {
    expect(unit).not.toMatch(/^MemoryDenyWriteExecute=/m);
    expect(unit).not.toMatch(/^(?:After|Wants|Requires)=.*network-online/m);
    // What the agent reads below /proc; and the groups of devices.
    expect(unit).not.toMatch(/^(?:ProcSubset|PrivateUsers|PrivateDevices)=/m);
  });

  test("admits devices whose driver comes after the service by number, as systemd knows no name then", ({ expect }) => {
    const allowed = [...unit.matchAll(/^DeviceAllow=char-(\S+) rw$/gm)].map(([, what]) => what);
    // Every kernel has those of the names, from its start on.
    expect(allowed.filter((what) => !/^\d+$/.test(what ?? ""))).toEqual(["gpiochip", "ttyS"]);
    // I2C buses, ttyACM, ttyUSB, ttyAMA.
    expect(allowed).toEqual(expect.arrayContaining(["89", "166", "188", "204"]));
  });

  test("gives a slow disk time for three flushes of half a minute, before it ends the agent", ({ expect }) => {
    const minutes = (key: string): number => Number(new RegExp(`^${key}=(\\d+)min$`, "m").exec(unit)?.[1]);
    expect(minutes("WatchdogSec")).toBeGreaterThanOrEqual(2);
    expect(minutes("TimeoutStopSec")).toBeGreaterThanOrEqual(2);
  });
});

describe.skipIf(missing)("systemd-analyze verify", { timeout: PATIENCE }, () => {
  test.for(UNITS)("has nothing to say about %s", (name, { expect }) => {
    using folder = mkdtempDisposableSync(join(tmpdir(), "petiole-units-"));
    // What the units run has to be there; where it lies on a device is the package's matter.
    const launch = join(folder.path, "launch");
    writeFileSync(launch, "#!/bin/sh\n", { mode: 0o755 });
    mkdirSync(join(folder.path, "units"));
    for (const unit of UNITS) {
      const text = readFileSync(join(SYSTEMD, unit), "utf8");
      writeFileSync(
        join(folder.path, "units", unit),
        text.replaceAll(/\/usr\/(?:bin\/petiole|lib\/petiole\/\S+)/g, launch).replaceAll(/^Documentation=.*\n/gm, ""),
      );
    }
    const { status, stderr } = analyze("verify", "--man=no", join(folder.path, "units", name));
    expect([status, stderr]).toEqual([0, ""]);
  });
});
