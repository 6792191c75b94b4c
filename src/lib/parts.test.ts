import { test, vi } from "vitest";
import { loadAddon } from "./parts.ts";

// What only a thread of the single executable sees.
vi.mock("node:sea", async (original) => ({ ...(await original<object>()), isSea: () => true }));
vi.mock("node:worker_threads", async (original) => ({ ...(await original<object>()), isMainThread: false }));

test("loadAddon() loads an add-on once in a thread, however often it is asked for", ({ expect }) => {
  const loaded: string[] = [];
  using _ = vi.spyOn(process, "dlopen").mockImplementation((_module: object, file: string) => void loaded.push(file));
  const addon = loadAddon("/assets/one.node");
  expect(loadAddon("/assets/one.node")).toBe(addon);
  expect(loadAddon("/assets/two.node")).not.toBe(addon);
  expect(loaded).toEqual(["/assets/one.node", "/assets/two.node"]);
});
