import type { RegisterConfig } from "./config.ts";

/** How many registers a type takes. */
export const WORDS = { bool: 1, u16: 1, i16: 1, u32: 2, i32: 2, f32: 2 } as const;

/** The number that the registers of one entry mean, scaled. */
export function valueOf(config: RegisterConfig, words: readonly number[]): number {
  const ordered = config.word_order === "big" ? words : words.toReversed();
  const view = new DataView(new ArrayBuffer(4));
  for (const [i, word] of ordered.entries()) view.setUint16(i * 2, word);
  return scaled(readAs(config.type, view), config.scale) + config.offset;
}

function readAs(type: RegisterConfig["type"], view: DataView): number {
  switch (type) {
    case "i16":
      return view.getInt16(0);
    case "u32":
      return view.getUint32(0);
    case "i32":
      return view.getInt32(0);
    case "f32":
      return view.getFloat32(0);
    case "u16":
    case "bool":
      return view.getUint16(0);
    default:
      return type satisfies never;
  }
}

/** A scale such as 0.1 has no exact number, 10 has: 3 tenths are 0.3 then, and not 0.30000000000000004. */
function scaled(value: number, scale: number): number {
  const divisor = Math.round(1 / scale);
  return Math.abs(scale) < 1 && Math.abs(divisor * scale - 1) < 1e-12 ? value / divisor : value * scale;
}
