import { existsSync, readFileSync } from "node:fs";
import { once } from "node:events";
import { basename, join } from "node:path";
import { Worker } from "node:worker_threads";
import { describe, test } from "vitest";
import { skipping } from "../../test/support/skip.ts";
import { openMemoryAddons } from "./memory-addons.ts";
import { nativeLibrary } from "./parts.ts";

const ROOT = join(import.meta.dirname, "../..");
const ADDONS = {
  "device-io": nativeLibrary("petiole-device-io.node"),
  maker: nativeLibrary("petiole-memory-file.node"),
  native: nativeLibrary("petiole-native.node"),
  sqlite: join(ROOT, `node_modules/better-sqlite3/prebuilds/${process.platform}-${process.arch}.node`),
};
const missing = Object.values(ADDONS).find((file) => !existsSync(file));

const locate = (name: string): string => Object.values(ADDONS).find((file) => basename(file) === name) ?? name;
const open = () => openMemoryAddons({ read: (name) => readFileSync(locate(name)), locate });
const load = (addons: ReturnType<typeof open>, name: keyof typeof ADDONS): object =>
  addons.load(basename(ADDONS[name])) as object;

describe.skipIf(skipping(missing !== undefined, "add-ons in memory", `there is no ${missing ?? ""}`))(
  "openMemoryAddons()",
  () => {
    test("gives each add-on what is its own, one after another", ({ expect }) => {
      const addons = open();
      expect(load(addons, "device-io")).toHaveProperty("ioctl");
      expect(load(addons, "sqlite")).toHaveProperty("initialize");
      expect(load(addons, "native")).toHaveProperty("releaseMemory");
      expect(load(addons, "sqlite")).toBe(load(addons, "sqlite"));
      const libraries = readFileSync("/proc/self/maps", "utf8").match(/memfd:petiole-device-io\.node/g) ?? [];
      expect(libraries.length).toBeGreaterThan(0);
    });

    test("has one copy for all threads", async ({ expect }) => {
      load(open(), "device-io");
      const inodes = (): ReadonlySet<string | undefined> =>
        new Set(
          readFileSync("/proc/self/maps", "utf8")
            .split("\n")
            .filter((line) => line.includes("memfd:petiole-device-io.node"))
            .map((line) => line.split(/\s+/)[4]),
        );
      const code = `
        const { readFileSync } = require("node:fs");
        const { parentPort, workerData: { module, files } } = require("node:worker_threads");
        import(module).then(({ openMemoryAddons }) => {
          const unread = () => { throw new Error("It is there already"); };
          const addons = openMemoryAddons({ read: unread, locate: unread });
          parentPort.postMessage(Object.keys(addons.load(files)));
        });`;
      const workerData = { module: join(ROOT, "src/lib/memory-addons.ts"), files: basename(ADDONS["device-io"]) };
      const worker = new Worker(code, { eval: true, workerData, execArgv: [] });
      const [keys] = (await once(worker, "message")) as [string[]];
      expect(keys).toContain("ioctl");
      expect(inodes().size).toBe(1);
      await worker.terminate();
    });

    test("says what an add-on is that cannot be loaded", ({ expect }) => {
      const addons = openMemoryAddons({
        read: (name) => (name === "broken.node" ? Buffer.from("no library") : readFileSync(locate(name))),
        locate,
      });
      expect(() => addons.load("broken.node")).toThrow(/too short|invalid ELF/);
    });
  },
);
