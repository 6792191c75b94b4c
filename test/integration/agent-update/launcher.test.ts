// What systemd/launch promises: one version runs after every start, whatever was on the disk before and wherever the power
// went, and never one that is not to run.

import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, lchownSync, readdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "vitest";
import { createLauncherRig, LAUNCHER, type LauncherRig } from "../../support/launcher.ts";
import { tempFolder } from "../../support/processes.ts";
import { skipping } from "../../support/skip.ts";

const has = (command: string): boolean => spawnSync(command, ["--help"]).error === undefined;

const SHELLS: readonly (readonly string[])[] = [["dash"], ["bash", "--posix"], ["busybox", "sh"]];

async function withRig(use: (rig: LauncherRig) => void): Promise<void> {
  await using folder = await tempFolder();
  use(createLauncherRig(folder.path));
}

/** Version 0.3.0 has just been installed over 0.2.0. */
function installed(rig: LauncherRig): void {
  rig.add("0.2.0");
  rig.add("0.3.0");
  rig.link("previous", "versions/0.2.0");
  rig.link("trial", "0.3.0:0");
  rig.link("current", "versions/0.3.0");
}

describe.for(SHELLS)("launch in %s", ([shell = "", ...rest]) => {
  const missing = skipping(!has(shell), `the launcher in ${shell}`, `found no "${shell}"`);

  test.skipIf(missing)("starts the packaged version, and one that is newer than it", async ({ expect }) => {
    await withRig((rig) => {
      const launch = () => rig.launch({ shell: [shell, ...rest], args: ["run", "--config", "a b"] }).stdout;
      expect(launch()).toBe("runs 0.1.0 run --config a b");
      rig.add("0.2.0");
      rig.link("current", "versions/0.2.0");
      expect(launch()).toBe("runs 0.2.0 run --config a b");
    });
  });

  test.skipIf(missing)("counts the starts of a version on trial, and goes back after three", async ({ expect }) => {
    await withRig((rig) => {
      installed(rig);
      const found = [1, 2, 3, 4, 5].map(() => rig.launch({ shell: [shell, ...rest] }).stdout);
      expect(found).toEqual(["runs 0.3.0 run", "runs 0.3.0 run", "runs 0.3.0 run", "runs 0.2.0 run", "runs 0.2.0 run"]);
      expect(rig.bad()).toEqual({ "0.3.0": "it did not prove itself in 3 starts" });
      expect([rig.target("current"), rig.target("trial")]).toEqual(["versions/0.2.0", undefined]);
    });
  });
});

test("launch is a shell script that its users can read to the end", async ({ expect }) => {
  const { stdout } = spawnSync("wc", ["-l", LAUNCHER], { encoding: "utf8" });
  expect(Number.parseInt(stdout, 10)).toBeLessThan(200);
});

test.skipIf(skipping(!has("shellcheck"), "shellcheck of the launcher", 'found no "shellcheck"'))(
  "launch has no fault that shellcheck knows",
  ({ expect }) => {
    expect(spawnSync("shellcheck", ["--shell=sh", LAUNCHER], { encoding: "utf8" }).stdout).toBe("");
  },
);

test.for([
  ["0.1.0", "0.1.0", "packaged"],
  ["0.1.1", "0.1.0", "current"],
  ["0.0.9", "0.1.0", "packaged"],
  ["0.10.0", "0.9.9", "current"],
  ["1.0.0-rc.1", "1.0.0", "packaged"],
  ["1.0.0", "1.0.0-rc.1", "current"],
  ["1.0.0-rc.2", "1.0.0-rc.1", "packaged"],
  ["1.0.1-rc.1", "1.0.0", "current"],
  ["2.0.0+b", "1.9.9+a", "current"],
  ["1.0.202612310", "1.0.0", "current"],
] as const)(
  "launch with %s in the state folder and %s packaged starts the %s one",
  async ([own, packaged, winner], { expect }) => {
    await withRig((rig) => {
      rig.usePackaged(packaged);
      rig.add(own);
      rig.link("current", `versions/${own}`);
      expect(rig.launch().stdout).toBe(`runs ${winner === "current" ? own : packaged} run`);
      expect(rig.target("current")).toBe(winner === "current" ? `versions/${own}` : undefined);
    });
  },
);

test("launch asks the packaged executable what it is when that was replaced, and not again", async ({ expect }) => {
  await withRig((rig) => {
    rig.add("0.2.0");
    rig.link("current", "versions/0.2.0");
    rig.launch();
    const known = rig.target("packaged");
    expect(known).toMatch(/:0\.1\.0$/);
    // As wrong as only somebody who does not ask could be.
    rig.link("packaged", known?.replace("0.1.0", "0.1.5") ?? "");
    rig.launch();
    expect(rig.target("packaged")).toMatch(/:0\.1\.5$/);
    rig.usePackaged("0.3.0");
    expect(rig.launch().stdout).toBe("runs 0.3.0 run");
  });
});

test("launch goes back to the packaged version where there was none before", async ({ expect }) => {
  await withRig((rig) => {
    rig.add("0.3.0");
    rig.link("trial", "0.3.0:3");
    rig.link("current", "versions/0.3.0");
    expect(rig.launch().stdout).toBe("runs 0.1.0 run");
    expect(rig.target("current")).toBe(undefined);
  });
});

test.for([
  ["is missing", () => {}, /missing/],
  ["is empty", (home: string) => writeFileSync(join(home, "petiole"), "", { mode: 0o755 }), /missing/],
  ["is no executable", (home: string) => writeFileSync(join(home, "petiole"), "exit 0", { mode: 0o755 }), /damaged/],
  ["may not be run", (home: string) => chmodSync(join(home, "petiole"), 0o644), /may not be run/],
] as const)("launch takes the version before when an executable %s", async ([what, harm, reason], { expect }) => {
  await withRig((rig) => {
    rig.add("0.2.0");
    rig.link("previous", "versions/0.2.0");
    if (what === "is missing") rig.link("current", "versions/0.3.0");
    else {
      rig.add("0.3.0");
      rig.link("current", "versions/0.3.0");
      harm(join(rig.folder, "versions", "0.3.0"));
    }
    expect(rig.launch().stdout).toBe("runs 0.2.0 run");
    expect(rig.bad()["0.3.0"]).toMatch(reason);
  });
});

test("launch compares an executable with its sum once starts have failed", async ({ expect }) => {
  await withRig((rig) => {
    rig.add("0.2.0");
    rig.link("current", "versions/0.2.0");
    writeFileSync(join(rig.folder, "versions", "0.2.0", "petiole"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    expect([1, 2, 3].map(() => rig.launch().stdout)).toEqual(["", "", ""]);
    expect(rig.launch().stdout).toBe("runs 0.1.0 run");
    expect(rig.bad()["0.2.0"]).toBe("its executable is damaged");
  });
});

test("launch keeps a proved version that only does not start for another reason", async ({ expect }) => {
  await withRig((rig) => {
    rig.add("0.2.0", "#!/bin/sh\necho tries; exit 1\n");
    rig.link("current", "versions/0.2.0");
    const runs = Array.from({ length: 9 }, () => rig.launch());
    expect(runs.map(({ stdout }) => stdout)).toEqual(Array.from({ length: 9 }, () => "tries"));
    expect(runs.flatMap(({ pauses }) => pauses)).toEqual([2, 4, 8, 16, 32, 60, 60]);
  });
});

test("launch forgets a trial of a version that never became the current one", async ({ expect }) => {
  await withRig((rig) => {
    rig.add("0.2.0");
    rig.link("current", "versions/0.2.0");
    rig.link("trial", "0.3.0:0");
    expect(rig.launch().stdout).toBe("runs 0.2.0 run");
    expect(rig.target("trial")).toBe(undefined);
  });
});

test.for(["../../../packaged", "versions/../../x", ".staged", "versions/", "/bin/true"])(
  "launch does not follow a link to %j",
  async (target, { expect }) => {
    await withRig((rig) => {
      rig.link("current", target);
      expect(rig.launch().stdout).toBe("runs 0.1.0 run");
    });
  },
);

test("launch does not start a version whose starts cannot be counted", async ({ expect }) => {
  await withRig((rig) => {
    installed(rig);
    expect(rig.launch({ failing: ["ln"] }).stdout).toBe("runs 0.1.0 run");
    expect(rig.launch().stdout).toBe("runs 0.3.0 run");
  });
});

test("launch does not run on what it gave up, also where nothing can be written down", async ({ expect }) => {
  await withRig((rig) => {
    installed(rig);
    rig.link("trial", "0.3.0:3");
    expect(rig.launch({ failing: ["ln", "mkdir"] }).stdout).toBe("runs 0.1.0 run");
    expect(rig.launch().stdout).toBe("runs 0.1.0 run");
  });
});

const NOT_ROOT = skipping(
  process.getuid?.() !== 0,
  "the launcher in a folder of another user",
  "only root can make one",
);

test.skipIf(NOT_ROOT)("launch runs nothing out of a folder of another user", async ({ expect }) => {
  await withRig((rig) => {
    installed(rig);
    chownSync(rig.folder, 4321, 4321);
    expect(rig.launch().stdout).toBe("runs 0.1.0 run");
    expect(rig.target("trial")).toBe("0.3.0:0");
  });
});

test.skipIf(NOT_ROOT)("launch follows a link of the administrator to the state folder", async ({ expect }) => {
  await withRig((rig) => {
    installed(rig);
    renameSync(rig.state, `${rig.state}-elsewhere`);
    symlinkSync(`${rig.state}-elsewhere`, rig.state);
    lchownSync(rig.state, 4321, 4321);
    expect(rig.launch().stdout).toBe("runs 0.3.0 run");
  });
});

const SCENES: Readonly<
  Record<string, { readonly prepare: (rig: LauncherRig) => void; readonly fit: readonly string[] }>
> = {
  "the first start on trial": { prepare: installed, fit: ["0.3.0"] },
  "the end of a trial": {
    prepare: (rig) => {
      installed(rig);
      rig.link("trial", "0.3.0:3");
    },
    fit: ["0.2.0"],
  },
  "a newer package": {
    prepare: (rig) => {
      installed(rig);
      rig.launch();
      rig.usePackaged("0.9.0");
    },
    fit: ["0.9.0"],
  },
};

test.for(Object.keys(SCENES))("launch comes to the same end after a cut anywhere in %s", async (name, { expect }) => {
  const scene = SCENES[name];
  const whole = await replay();
  expect(scene?.fit).toContain(whole.ran);
  expect(whole.changes).toBeGreaterThan(3);
  for (let cut = 1; cut <= whole.changes; cut++) {
    const { ran, end } = await replay(cut);
    expect({ cut, ran, end }).toEqual({ cut, ran: whole.ran, end: whole.end });
  }

  async function replay(cutBefore?: number) {
    await using folder = await tempFolder();
    const rig = createLauncherRig(folder.path);
    scene?.prepare(rig);
    const first = rig.launch(cutBefore === undefined ? {} : { cutBefore });
    if (cutBefore !== undefined) expect(first.signal).toBe("SIGKILL");
    const { stdout } = cutBefore === undefined ? first : rig.launch();
    const trial = rig.target("trial")?.split(":")[0];
    const end = [
      rig.target("current"),
      trial,
      Object.keys(rig.bad()),
      readdirSync(join(rig.folder, "versions")).sort(),
    ];
    return { ran: /^runs (\S+)/.exec(stdout)?.[1], end, changes: first.changes };
  }
});
