import { test } from "vitest";
import { createSizeSuspicion } from "./size-suspicion.ts";

test("createSizeSuspicion() suspects after two strikes of one message and gives up after two silent probes", ({
  expect,
}) => {
  const suspicion = createSizeSuspicion();
  suspicion.strike(7);
  expect(suspicion.suspects(7)).toBe(false);
  suspicion.strike(7);
  expect([suspicion.suspects(7), suspicion.suspects(8)]).toEqual([true, false]);
  expect(suspicion.probed(7, false)).toBe(false);
  expect(suspicion.probed(7, false)).toBe(true);
});

test("createSizeSuspicion() forgets when the hub answers, stores something, or another message is in the way", ({
  expect,
}) => {
  const suspicion = createSizeSuspicion();
  const strikeTwice = (seq: number): void => [seq, seq].forEach((one) => suspicion.strike(one));
  strikeTwice(7);
  expect(suspicion.probed(7, true)).toBe(false);
  expect(suspicion.suspects(7)).toBe(false);
  strikeTwice(7);
  suspicion.clear();
  expect(suspicion.suspects(7)).toBe(false);
  suspicion.strike(7);
  suspicion.strike(8);
  suspicion.strike(7);
  expect(suspicion.suspects(7)).toBe(false);
});
