// What values take of the JavaScript heap, in bytes: estimates of V8's layout of them, rather more than less.

/** One element of an array, or one property. */
export const SLOT = 8;
export const ARRAY_HEAP = 48;
/** Without its characters. */
export const STRING_HEAP = 32;
/** A typed array, with what the engine keeps of it elsewhere. Its bytes are not on the heap. */
export const VIEW_HEAP = 256;
/** A number that is no small integer, a bigint or a character. */
export const BOX_HEAP = 24;

const OBJECT_HEAP = 24;
// An object that is read from a message has room for so many properties.
const OBJECT_SLOTS = 4;
const PROPERTIES_HEAP = 24;

// Types share parts, so a value may take more than any number: this is more than any budget.
const MAX_HEAP = 2 ** 40;

/** An object with so many properties, whose values take `parts` besides. */
export function objectHeap(properties: number, parts = 0): number {
  const more = Math.max(0, properties - OBJECT_SLOTS);
  const apart = more === 0 ? 0 : PROPERTIES_HEAP + more * SLOT;
  return Math.min(MAX_HEAP, OBJECT_HEAP + OBJECT_SLOTS * SLOT + apart + parts);
}

/** An array of so many elements, whose values take `parts` besides. */
export function arrayHeap(elements: number, parts = 0): number {
  return Math.min(MAX_HEAP, ARRAY_HEAP + elements * SLOT + parts);
}
