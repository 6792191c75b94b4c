import { test } from "vitest";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { millis } from "../domain/units.ts";
import { createPace } from "./pace.ts";

test("createPace() excuses what is under way, and each end gives the others as much time again", async ({ expect }) => {
  const clock = createFakeClock();
  const pace = createPace(clock, millis(1000));
  expect(pace.excusedUntil()).toBeUndefined();
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await clock.advance(millis(5000));
  const start = clock.monotonic();
  const both = [pace.during(() => first.promise), pace.during(() => second.promise)];
  expect(pace.excusedUntil()).toBe(start + 1000);
  await clock.advance(millis(900));
  first.resolve();
  await both[0];
  expect(pace.count()).toBe(1);
  expect(pace.excusedUntil()).toBe(start + 1900);
  second.reject(new Error("a step that fails has an end as well"));
  await both[1]?.catch(() => {});
  expect(pace.count()).toBe(2);
  expect(pace.excusedUntil()).toBeUndefined();
});
