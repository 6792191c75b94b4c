import { describe, test } from "vitest";
import { mebibytes } from "../domain/units.ts";
import { failureError, lossError } from "./failures.ts";

const LIMIT = mebibytes(16);
const trap = (memory: number) => failureError("call", { kind: "trap", reason: "unreachable", memory }, LIMIT).code;

describe("failureError()", () => {
  test("calls a trap with the memory nearly full ERR_COMPONENT_MEMORY", ({ expect }) => {
    expect(trap(mebibytes(16))).toBe("ERR_COMPONENT_MEMORY");
    expect(trap(mebibytes(15))).toBe("ERR_COMPONENT_MEMORY");
    expect(trap(mebibytes(12))).toBe("ERR_COMPONENT_TRAP");
    expect(trap(0)).toBe("ERR_COMPONENT_TRAP");
  });

  test("tells an exit from a trap in words", ({ expect }) => {
    const error = failureError("call x", { kind: "exit", status: 3 }, LIMIT);
    expect([error.code, error.message]).toEqual(["ERR_COMPONENT_TRAP", "Cannot call x: it exited with status 3"]);
  });

  test("calls a component that wants what is not there invalid", ({ expect }) => {
    expect(failureError("start", { kind: "unserved", reason: "it wants more" }, LIMIT).code).toBe(
      "ERR_COMPONENT_INVALID",
    );
  });
});

describe("lossError()", () => {
  test("blames the turn that was executing for a full heap, and no other", ({ expect }) => {
    const loss = { cause: "out-of-memory", current: 4 } as const;
    expect(lossError("call", 4, loss).code).toBe("ERR_COMPONENT_MEMORY");
    expect(lossError("call", 5, loss).code).toBe("ERR_COMPONENT_STOPPED");
  });
});
