import { describe, test } from "vitest";
import { bytes, mebibytes, millis } from "../domain/units.ts";
import { clientFailure, deadlineFailure, lossFailure, turnFailure } from "./failures.ts";

const trap = (memory: number, stack = false) =>
  ({ kind: "trap", reason: "wasm trap: unreachable", memory, stack }) as const;

describe("turnFailure()", () => {
  test("takes a trap for want of memory when the memory was nearly full", ({ expect }) => {
    expect(turnFailure("call", trap(mebibytes(31)), mebibytes(32))).toMatchObject({
      error: { code: "ERR_COMPONENT_MEMORY" },
      limit: "memory",
    });
    // In a small memory, a single page says little.
    expect(turnFailure("call", trap(65_536), bytes(70_000)).error.code).toBe("ERR_COMPONENT_MEMORY");
  });

  test("takes values that are too large for a lack of memory", ({ expect }) => {
    expect(turnFailure("call", { kind: "too-large", reason: "too large for the host" }, mebibytes(32))).toMatchObject({
      error: { code: "ERR_COMPONENT_MEMORY", message: "Cannot call: too large for the host" },
      limit: "memory",
    });
  });

  test("names what else a guest did", ({ expect }) => {
    const plain = turnFailure('call "f"', trap(0), mebibytes(32));
    expect(plain).toMatchObject({
      error: { code: "ERR_COMPONENT_TRAP", message: 'Cannot call "f": it trapped: unreachable' },
    });
    expect(plain.limit).toBeUndefined();
    expect(turnFailure("call", trap(0, true), mebibytes(32)).limit).toBe("stack");
    expect(turnFailure("call", { kind: "exit", status: 3 }, mebibytes(1)).error.message).toContain("status 3");
    expect(turnFailure("call", { kind: "unserved", reason: "x" }, mebibytes(1)).error.code).toBe(
      "ERR_COMPONENT_INVALID",
    );
    expect(turnFailure("call", { kind: "import" }, mebibytes(1)).error.code).toBe("ERR_INVARIANT");
  });
});

describe("deadlineFailure()", () => {
  test("says what the guest was at", ({ expect }) => {
    expect(deadlineFailure("call", millis(5), true).error.message).toBe(
      "Cannot call within 5 ms: it was still computing",
    );
    expect(deadlineFailure("call", millis(5), false).error.message).toContain("waiting for a capability");
  });
});

describe("clientFailure()", () => {
  test("reaches no limit of the component, and is not held against it", ({ expect }) => {
    const { error, ...rest } = clientFailure("serve", millis(5));
    expect(error).toMatchObject({
      code: "ERR_COMPONENT_DEADLINE",
      message: "Cannot serve within 5 ms: it was still waiting for its client",
    });
    expect(rest).toEqual({ blameless: true });
  });
});

describe("lossFailure()", () => {
  test("blames the instance that filled the worker's heap, and nobody else", ({ expect }) => {
    const loss = { cause: "out-of-memory", current: 7 } as const;
    expect(lossFailure("call", true, loss).error.code).toBe("ERR_COMPONENT_MEMORY");
    expect(lossFailure("call", false, loss).error.code).toBe("ERR_COMPONENT_STOPPED");
    expect(lossFailure("call", true, { cause: "crashed", current: 7 }).error.code).toBe("ERR_COMPONENT_STOPPED");
  });
});
