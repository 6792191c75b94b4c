// componentize-qjs maps a WIT u64 to a number; the generated declarations, made for any guest, say bigint.

/** A u64 from the host, exact up to 2^53. */
export const fromU64 = (value: bigint | number): number => Number(value);

/** A u64 for the host. QuickJS's bindings trap on a bigint, so the number goes through under the declared type. */
export const toU64 = (value: number): bigint => value as unknown as bigint;
