// Quantities carry their unit in the type, so that no bare number crosses a function.

declare const unit: unique symbol;
export type Millis = number & { readonly [unit]: "ms" };
export type Bytes = number & { readonly [unit]: "B" };

export const millis = (n: number): Millis => n as Millis;
export const seconds = (n: number): Millis => (n * 1000) as Millis;
export const minutes = (n: number): Millis => (n * 60_000) as Millis;
export const days = (n: number): Millis => (n * 86_400_000) as Millis;
export const bytes = (n: number): Bytes => n as Bytes;
export const kibibytes = (n: number): Bytes => (n * 1024) as Bytes;
export const mebibytes = (n: number): Bytes => (n * 1024 * 1024) as Bytes;
export const gibibytes = (n: number): Bytes => mebibytes(n * 1024);

const DURATION_UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE_UNITS = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, kB: 1000, MB: 1e6, GB: 1e9 } as const;

/** Parses `250ms`, `2s`, `5m`, `1h`, `7d`. Returns undefined for anything else. */
export function parseDuration(text: string): Millis | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  if (match === null) return undefined;
  return (Number(match[1]) * DURATION_UNITS[match[2] as keyof typeof DURATION_UNITS]) as Millis;
}

/** Parses `512B`, `64KiB`, `32MiB`, `1GiB` and the decimal `kB`, `MB`, `GB`. Returns undefined for anything else. */
export function parseSize(text: string): Bytes | undefined {
  const match = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB|kB|MB|GB)$/.exec(text);
  if (match === null) return undefined;
  return Math.floor(Number(match[1]) * SIZE_UNITS[match[2] as keyof typeof SIZE_UNITS]) as Bytes;
}
