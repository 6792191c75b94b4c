import { describe, test } from "vitest";
import { Admission } from "./admission.ts";

const never = new AbortController().signal;

describe("Admission", () => {
  test("admits up to its limit, the others in the order of arrival", async ({ expect }) => {
    const admission = new Admission(1);
    const order: string[] = [];
    const first = await admission.enter(never);
    const enter = async (name: string): Promise<void> => {
      using _place = await admission.enter(never);
      order.push(name);
    };
    const rest = [enter("second"), enter("third")];
    await Promise.resolve();
    expect(order).toEqual([]);
    first[Symbol.dispose]();
    await Promise.all(rest);
    expect(order).toEqual(["second", "third"]);
    using _again = await admission.enter(never);
  });

  test("forgets who gave up, and keeps the place for the next", async ({ expect }) => {
    const admission = new Admission(1);
    const first = await admission.enter(never);
    const abort = new AbortController();
    const impatient = admission.enter(abort.signal);
    const patient = admission.enter(never);
    abort.abort(new Error("enough"));
    await expect(impatient).rejects.toThrow("enough");
    first[Symbol.dispose]();
    using _place = await patient;
    await expect(admission.enter(abort.signal)).rejects.toThrow("enough");
  });
});
