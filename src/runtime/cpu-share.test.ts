import { assert, array, integer, property } from "fast-check";
import { describe, test } from "vitest";
import { CpuShare } from "./cpu-share.ts";

describe("CpuShare", () => {
  test("lets a component spend what it saved up, then makes it wait until the debt is paid", ({ expect }) => {
    const share = new CpuShare(0.1, 0);
    expect(share.wait(0)).toBe(0);
    share.charge(500, 500);
    expect(share.wait(500)).toBe(0);
    share.charge(100, 600);
    // 500 were saved and 60 earned meanwhile, 600 are spent.
    expect(share.wait(600)).toBe(400);
    expect(share.wait(900)).toBe(100);
    expect(share.wait(1000)).toBe(0);
  });

  test("saves up no more than some seconds' worth", ({ expect }) => {
    const share = new CpuShare(0.5, 0);
    share.charge(0, 3_600_000);
    share.charge(2500, 3_600_000);
    share.charge(1, 3_600_000);
    expect(share.wait(3_600_000)).toBe(2);
  });

  test("never makes one wait that has a whole core and one thread, however long its calls are", ({ expect }) => {
    assert(
      property(array(integer({ min: 0, max: 100_000 })), (calls) => {
        const share = new CpuShare(1, 0);
        let now = 0;
        for (const computed of calls) {
          now += computed;
          expect(share.wait(now - computed / 2)).toBe(0);
          share.charge(computed, now);
          expect(share.wait(now)).toBe(0);
        }
      }),
    );
  });
});
