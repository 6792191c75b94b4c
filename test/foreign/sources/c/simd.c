// 128-bit vectors, tail calls, sign extension and saturating conversions.

#include <stdint.h>
#include <stdio.h>
#include <wasm_simd128.h>

static int count(int left, int sum) {
  if (left == 0) return sum;
  __attribute__((musttail)) return count(left - 1, sum + (left & 3));
}

int main(void) {
  float a[1024], b[1024];
  for (int i = 0; i < 1024; i++) a[i] = (float)i, b[i] = 2.0f;
  v128_t sum = wasm_f32x4_splat(0);
  for (int i = 0; i < 1024; i += 4)
    sum = wasm_f32x4_add(sum, wasm_f32x4_mul(wasm_v128_load(a + i), wasm_v128_load(b + i)));
  printf("dot %.0f\n", wasm_f32x4_extract_lane(sum, 0) + wasm_f32x4_extract_lane(sum, 1) +
                           wasm_f32x4_extract_lane(sum, 2) + wasm_f32x4_extract_lane(sum, 3));
  printf("tail %d\n", count(1000000, 0));
  volatile double huge = 1e30;
  printf("saturated %d\n", (int32_t)huge);
  return 0;
}
