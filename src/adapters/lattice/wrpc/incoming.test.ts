import { describe, test } from "vitest";
import { bytes } from "../../../domain/units.ts";
import type { PetioleError } from "../../../domain/errors.ts";
import { codecOf } from "./compile.ts";
import { Incoming } from "./incoming.ts";
import { ByteBudget, CALL_LIMITS, type CallLimits } from "./limits.ts";
import type { WireType } from "./types.ts";

const STREAM: WireType = { kind: "stream", element: { kind: "u8" } };
const TYPE: WireType = { kind: "tuple", elements: [{ kind: "string" }, STREAM, STREAM] };
const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(" ", ""), "hex");

type Value = readonly [string, AsyncIterable<Uint8Array>, AsyncIterable<Uint8Array>];

function incoming(given: Partial<CallLimits> = {}) {
  const seen: { value?: Value; error?: PetioleError; done: number } = { done: 0 };
  const limits = { ...CALL_LIMITS, ...given };
  const budget = new ByteBudget(limits.total);
  const made = new Incoming({
    codec: codecOf(TYPE),
    limits,
    budget,
    budgetStreams: true,
    what: "the parameters",
    onValue: (value) => (seen.value = value as Value),
    onFailure: (error) => (seen.error = error),
    onDone: () => (seen.done += 1),
  });
  return { made, seen, budget };
}

const read = async (stream: AsyncIterable<Uint8Array> | undefined): Promise<string> =>
  Buffer.concat(await Array.fromAsync(stream ?? [])).toString();

describe("Incoming", () => {
  test("keeps what comes of a stream before the value that it belongs to", async ({ expect }) => {
    const { made, seen } = incoming();
    made.push(hex("02 61"));
    made.pushPart("1", hex("02 68 65"));
    made.pushPart("7", hex("01 00"));
    expect(seen.value).toBeUndefined();
    made.push(hex("62 00 02 6f 6b"));
    expect(seen.value?.[0]).toBe("ab");
    expect(await read(seen.value?.[2])).toBe("ok");
    made.pushPart("1", hex("03 6c 6c"));
    made.pushPart("1", hex("6f 00"));
    expect(await read(seen.value?.[1])).toBe("hello");
    expect(seen.done).toBe(1);
    made.push(hex(""));
    made.pushPart("1", hex("ff"));
    expect(seen.error).toBeUndefined();
  });

  test("goes on when all that came before the value is of no stream of it", async ({ expect }) => {
    const { made, seen } = incoming();
    made.push(hex("02 61"));
    made.pushPart("7", hex("01 00"));
    made.push(hex("62 00 00"));
    expect(seen.done).toBe(0);
    for (const path of ["1", "2"]) made.pushPart(path, hex("02 6f 6b 00"));
    expect(await read(seen.value?.[1])).toBe("ok");
    expect(await read(seen.value?.[2])).toBe("ok");
    expect(seen.done).toBe(1);
    expect(seen.error).toBeUndefined();
  });

  test("takes a stream that ends without saying so, and none that ends in the middle of a piece", async ({
    expect,
  }) => {
    const { made, seen } = incoming();
    made.push(hex("00 00 00"));
    made.pushPart("1", hex("01 61"));
    made.pushPart("1", hex(""));
    made.pushPart("2", hex("02 61"));
    made.pushPart("2", hex(""));
    expect(await read(seen.value?.[1])).toBe("a");
    await expect(read(seen.value?.[2])).rejects.toThrow(expect.objectContaining({ code: "ERR_CALL_UNDECODABLE" }));
  });

  test("opens no more paths than there can be before the value is there", ({ expect }) => {
    const { made, budget } = incoming({ total: bytes(1000) });
    made.push(hex("05 61"));
    for (let path = 0; path < 2000; path++) made.pushPart(String(path), hex("00"));
    made.push(hex("62 63 64 65 00 00"));
    made.close();
    expect(budget.take(1000)).toBe(true);
  });

  test("gives back what it held, however it ends", ({ expect }) => {
    for (const end of ["", "ff ff ff ff ff", "62 63 64 65 00 00"]) {
      const { made, seen, budget } = incoming({ total: bytes(1000) });
      made.push(hex("05 61"));
      made.pushPart("1", hex("05 61 62"));
      expect(budget.take(1000)).toBe(false);
      made.push(hex(end));
      made.close();
      expect(seen.done).toBe(1);
      expect(budget.take(1000)).toBe(true);
    }
  });

  test("gives back what it held of a value that is given up", ({ expect }) => {
    const { made, seen, budget } = incoming({ total: bytes(1000) });
    made.push(hex("05 61"));
    made.close();
    expect(seen).toMatchObject({ done: 1, error: { code: "ERR_CALL_FAILED" } });
    expect(budget.take(1000)).toBe(true);
  });

  test("fails all that is read of it when too much waits", async ({ expect }) => {
    const { made, seen } = incoming({ value: bytes(100) });
    made.push(hex("00 00 00"));
    made.pushPart("1", new Uint8Array(60));
    made.pushPart("2", new Uint8Array(60));
    await expect(read(seen.value?.[2])).rejects.toThrow(expect.objectContaining({ code: "ERR_CALL_TOO_LARGE" }));
    expect(seen.done).toBe(1);
  });
});
