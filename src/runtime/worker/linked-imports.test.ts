import { describe, test } from "vitest";
import type { InterfaceShape, Resource, WitType } from "../../lib/wit/type.ts";
import { ImportFailed } from "./guest-code.ts";
import { LinkedImports, type ImportCaller } from "./linked-imports.ts";
import type { ImportOutcome } from "./protocol.ts";

const bucket: Resource = { name: "big-bucket" };
const own: WitType = { kind: "own", resource: bucket };
const borrow: WitType = { kind: "borrow", resource: bucket };
const text: WitType = { kind: "string" };
const u8: WitType = { kind: "u8" };

const store: InterfaceShape = {
  name: "acme:store/store@1.0.0",
  resources: [bucket],
  functions: [
    { name: "[constructor]big-bucket", type: { params: [{ name: "name", type: text }], result: own } },
    { name: "[static]big-bucket.count-all", type: { params: [], result: u8 } },
    { name: "[method]big-bucket.size-of", type: { params: [{ name: "self", type: borrow }], result: u8 } },
    { name: "open", type: { params: [], result: { kind: "result", ok: own, err: text } } },
    { name: "list-all", type: { params: [], result: { kind: "list", element: own } } },
  ],
};
const counters: InterfaceShape = {
  name: "acme:store/counters",
  resources: [bucket],
  functions: [{ name: "increment", type: { params: [{ name: "bucket", type: borrow }], result: undefined } }],
};

const STORE = store.name;

type Members = Readonly<Record<string, (...args: unknown[]) => Promise<unknown>>>;

/** Import objects whose calls are recorded and answered from `answers`. */
function linked(answers: Readonly<Record<string, ImportOutcome>>) {
  const calls: unknown[] = [];
  const call: ImportCaller = async (interfaceName, functionName, args) => {
    calls.push([interfaceName, functionName, ...args]);
    return answers[functionName] ?? { kind: "value", value: undefined };
  };
  const imports = new LinkedImports(call);
  const members = (shape: InterfaceShape): Members => imports.object(shape) as Members;
  return { calls, store: members(store), counters: members(counters) };
}
const value = (of: unknown): ImportOutcome => ({ kind: "value", value: of });

describe("LinkedImports", () => {
  test("makes objects of representations and gives representations for objects", async ({ expect }) => {
    const { calls, store, counters } = linked({ open: value({ id: 7 }), "[method]big-bucket.size-of": value(3) });
    const opened = (await store["open"]?.()) as { tag: string; val: { sizeOf(): Promise<unknown> } };
    expect(opened.tag).toBe("ok");
    expect(opened.val).toBeInstanceOf(store["BigBucket"]);
    expect(await opened.val.sizeOf()).toBe(3);
    await counters["increment"]?.(opened.val);
    expect(calls).toEqual([
      [STORE, "open"],
      [STORE, "[method]big-bucket.size-of", { id: 7 }],
      ["acme:store/counters", "increment", { id: 7 }],
    ]);
  });

  test("makes objects inside other values", async ({ expect }) => {
    const { store } = linked({ "list-all": value(["a", "b"]) });
    const all = (await store["listAll"]?.()) as unknown[];
    expect(all).toHaveLength(2);
    for (const one of all) expect(one).toBeInstanceOf(store["BigBucket"]);
  });

  test("serves constructors and static functions", async ({ expect }) => {
    const { calls, store, counters } = linked({
      "[constructor]big-bucket": value("made"),
      "[static]big-bucket.count-all": value(2),
    });
    const BigBucket = store["BigBucket"] as unknown as { new (name: string): Promise<object>; countAll(): unknown };
    const made = await new BigBucket("x");
    expect(made).toBeInstanceOf(BigBucket);
    expect(await BigBucket.countAll()).toBe(2);
    await counters["increment"]?.(made);
    expect(calls.at(-1)).toEqual(["acme:store/counters", "increment", "made"]);
  });

  test("returns an err as the glue takes it, and throws ImportFailed when the main thread knows more", async ({
    expect,
  }) => {
    const { store } = linked({ open: { kind: "err", payload: "no" }, "list-all": { kind: "failed" } });
    expect(await store["open"]?.()).toEqual({ tag: "err", val: "no" });
    await expect(store["listAll"]?.()).rejects.toBeInstanceOf(ImportFailed);
  });

  test("refuses objects that stand for nothing", async ({ expect }) => {
    const { counters } = linked({});
    await expect(counters["increment"]?.({})).rejects.toThrow(/no big-bucket that was given out/);
  });
});
