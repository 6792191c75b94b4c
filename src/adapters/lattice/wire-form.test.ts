import { describe, test } from "vitest";
import type { RemoteFunction } from "../../host/ports.ts";
import type { FunctionType, WitType } from "../../lib/wit/type.ts";
import { wireForm } from "./wire-form.ts";

const bucket: WitType = { kind: "borrow", resource: { name: "bucket" } };
const type: FunctionType = {
  params: [
    { name: "self", type: bucket },
    { name: "key", type: { kind: "string" } },
  ],
  result: undefined,
};
const remote = (interfaceName: string, functionName: string): RemoteFunction => ({
  source: "app",
  linkName: "default",
  target: "store",
  interfaceName,
  functionName,
  type,
});

describe("wireForm()", () => {
  test("has the name of a bucket in the place of its handle", ({ expect }) => {
    const call = remote("wasi:keyvalue/store@0.2.0-draft", "[method]bucket.get");
    const form = wireForm(call);
    expect(form).toEqual({
      kind: "there",
      remote: {
        ...call,
        interfaceName: "wrpc:keyvalue/store@0.2.0-draft",
        functionName: "get",
        type: {
          params: [
            { name: "self", type: { kind: "string" } },
            { name: "key", type: { kind: "string" } },
          ],
          result: undefined,
        },
      },
    });
    const again = wireForm(call);
    expect(again.kind === "there" && form.kind === "there" && again.remote.type).toBe(
      form.kind === "there" ? form.remote.type : undefined,
    );
    expect(wireForm(remote("wasi:keyvalue/atomics@0.2.0-draft", "increment"))).toMatchObject({
      remote: { interfaceName: "wrpc:keyvalue/atomics@0.2.0-draft", functionName: "increment" },
    });
  });

  test("opens a bucket without asking", ({ expect }) => {
    const form = wireForm(remote("wasi:keyvalue/store@0.2.0-draft", "open"));
    if (form.kind !== "here") throw new Error("it would ask");
    expect(form.answer(["readings"])).toBe("readings");
    expect(() => form.answer([""])).toThrow(expect.objectContaining({ payload: { tag: "no-such-store" } }));
  });

  test("refuses what the next draft has in another form, and passes on what is the same", ({ expect }) => {
    for (const [name, fn] of [
      ["store", "[method]bucket.list-keys"],
      ["atomics", "increment"],
      ["atomics", "[static]cas.new"],
    ] as const) {
      const form = wireForm(remote(`wasi:keyvalue/${name}@0.2.0-draft2`, fn));
      if (form.kind !== "here") throw new Error("it would ask");
      expect(() => form.answer([])).toThrow(
        expect.objectContaining({ payload: { tag: "other", val: expect.any(String) as string } }) as Error,
      );
      expect(wireForm(remote(`wasi:keyvalue/${name}@0.2.0-draft`, fn)).kind).toBe("there");
    }
    expect(wireForm(remote("wasi:keyvalue/store@0.2.0-draft2", "[method]bucket.set"))).toMatchObject({
      remote: { interfaceName: "wrpc:keyvalue/store@0.2.0-draft", functionName: "set" },
    });
  });

  test("leaves everything else as it is", ({ expect }) => {
    for (const name of ["wasmcloud:messaging/consumer@0.2.0", "wasi:keyvalue/watcher@0.2.0-draft", "$root"]) {
      const call = remote(name, "[method]bucket.get");
      expect(wireForm(call)).toEqual({ kind: "there", remote: call });
    }
  });
});
