// Streams of bytes between a provider and a component.

/** What a component reads. Its iterator is ended early when the component reads no further. */
export type ByteReader = AsyncIterable<Uint8Array>;

/** What a component writes. Calls come one after another, none before the one before has ended. */
export interface ByteWriter {
  /** Takes the bytes, which it may keep. The component writes no faster. It must not wait for other calls of the component. */
  write(bytes: Uint8Array): Promise<void>;
  /** The component writes no more; not called after a write that failed. */
  close(): Promise<void>;
  /** Instead of `close`, when the instance of the component is gone. */
  abort(): void;
}
