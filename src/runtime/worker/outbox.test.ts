import { describe, test } from "vitest";
import { Outbox } from "./outbox.ts";
import type { FromWorker } from "./protocol.ts";

/** An outbox whose messages are cloned as those between threads are. */
function cloning() {
  const batches: FromWorker[][] = [];
  const refused: unknown[] = [];
  const outbox = new Outbox({
    send: (batch) => void batches.push(structuredClone([...batch])),
    refuseImport: (...about) => void refused.push(about),
  });
  return { outbox, batches, refused };
}

const uncloneable = (): void => {};
const trapped = (what: string): unknown => ({
  kind: "trap",
  reason: `${what} cannot leave it: ${String(uncloneable)} could not be cloned.`,
  memory: 0,
  stack: false,
});

describe("Outbox", () => {
  test("sends what one tick says as one message", ({ expect }) => {
    const { outbox, batches } = cloning();
    outbox.post(["returned", 1, 1, "a", 0]);
    outbox.post(["returned", 2, 2, "b", 0]);
    outbox.flush();
    outbox.flush();
    expect(batches).toEqual([
      [
        ["returned", 1, 1, "a", 0],
        ["returned", 2, 2, "b", 0],
      ],
    ]);
  });

  test("fails only the call whose result cannot be cloned", ({ expect }) => {
    const { outbox, batches, refused } = cloning();
    outbox.post(["returned", 1, 1, "a", 0]);
    outbox.post(["returned", 2, 2, { deep: [uncloneable] }, 3]);
    outbox.post(["failed", 2, 3, { kind: "err", payload: uncloneable }, 4]);
    outbox.post(["returned", 1, 4, "b", 0]);
    outbox.flush();
    expect(batches.flat()).toEqual([
      ["returned", 1, 1, "a", 0],
      ["failed", 2, 2, trapped("the result"), 3],
      ["failed", 2, 3, trapped("the result"), 4],
      ["returned", 1, 4, "b", 0],
    ]);
    expect(refused).toEqual([]);
  });

  test("fails the turn, or the start, whose import cannot be cloned, and ends the guest's wait", ({ expect }) => {
    const { outbox, batches, refused } = cloning();
    outbox.post(["import", 2, 7, 5, 11, 0, [uncloneable]]);
    outbox.post(["import", 2, 0, 6, 12, 0, [uncloneable]]);
    outbox.flush();
    expect(batches.flat()).toEqual([
      ["failed", 2, 7, trapped("an argument of an import"), 0],
      ["start-failed", 2, 6, trapped("an argument of an import"), 0],
    ]);
    expect(refused).toEqual([
      [2, 5, 11],
      [2, 6, 12],
    ]);
  });
});
