import { assert, double, float, property } from "fast-check";
import { test } from "vitest";
import { f32ToI32, f64ToI64, i32ToF32, i32ToI64, i64ToF64, i64ToI32 } from "./abi-bits.ts";

test("floats are what they were after they have been integers", () => {
  assert(property(float(), (value) => Object.is(i32ToF32(f32ToI32(value)), value)));
  assert(property(double(), (value) => Object.is(i64ToF64(f64ToI64(value)), value)));
});

test("f32ToI32() and f64ToI64() give the bits", ({ expect }) => {
  expect(f32ToI32(-0)).toBe(-0x8000_0000);
  expect(f32ToI32(1)).toBe(0x3f80_0000);
  expect(f64ToI64(1)).toBe(0x3ff0_0000_0000_0000n);
});

test("i32ToI64() adds no sign, and i64ToI32() cuts off the upper half", ({ expect }) => {
  expect(i32ToI64(-1)).toBe(0xffff_ffffn);
  expect(i64ToI32(0x7_ffff_ffffn)).toBe(-1);
  expect(i64ToI32(i32ToI64(-5))).toBe(-5);
});
