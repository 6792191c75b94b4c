import { describe, test } from "vitest";
import { acceptedAt, ageOf, isExpired, type Accepted } from "./row-age.ts";

const NOW = { wall: 1_700_000_000_000, monotonic: 50_000, synced: true };
const THIS_BOOT: Accepted = { monotonic: 20_000, wall: 5, thisBoot: true, offset: undefined };
const EARLIER: Accepted = { monotonic: 20_000, wall: 5, thisBoot: false, offset: 1_699_999_900_000 };

describe("ageOf()", () => {
  test("goes by the time since boot within one boot, whatever the wall clocks say", ({ expect }) => {
    expect(ageOf(THIS_BOOT, { ...NOW, wall: 0, synced: false })).toBe(30_000);
  });

  test("goes by the wall clocks over a reboot when both were set", ({ expect }) => {
    expect(ageOf(EARLIER, NOW)).toBe(80_000);
  });

  test("is not known over a reboot when one of them was not", ({ expect }) => {
    expect(ageOf({ ...EARLIER, offset: undefined }, NOW)).toBeUndefined();
    expect(ageOf(EARLIER, { ...NOW, synced: false })).toBeUndefined();
  });

  test("is never negative", ({ expect }) => {
    expect(ageOf(EARLIER, { ...NOW, wall: 0 })).toBe(0);
    expect(ageOf(THIS_BOOT, { ...NOW, monotonic: 0 })).toBe(0);
  });
});

describe("isExpired()", () => {
  test("lets a message go for as long as it is worth sending, that moment included", ({ expect }) => {
    expect(isExpired(30_000, THIS_BOOT, NOW)).toBe(false);
    expect(isExpired(29_999, THIS_BOOT, NOW)).toBe(true);
  });

  test("never says so of one without a limit, or of which nobody knows how old it is", ({ expect }) => {
    expect(isExpired(null, THIS_BOOT, NOW)).toBe(false);
    expect(isExpired(1, { ...EARLIER, offset: undefined }, NOW)).toBe(false);
  });
});

describe("acceptedAt()", () => {
  test("is set right once the clock was set in that boot, and says whether it was", ({ expect }) => {
    expect(acceptedAt(EARLIER)).toEqual({ wall: 1_699_999_920_000, clock: "synced" });
    expect(acceptedAt(THIS_BOOT)).toEqual({ wall: 5, clock: "unsynced" });
  });
});
