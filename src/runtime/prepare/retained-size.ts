/** The bytes of memory that these keep: a view keeps all of its buffer, and several may share one. */
export function retainedSize(views: Iterable<Uint8Array>): number {
  const buffers = new Set<ArrayBufferLike>();
  for (const view of views) buffers.add(view.buffer);
  return [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
}
