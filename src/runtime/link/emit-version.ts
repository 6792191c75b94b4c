/** Raise it when what the emitted scripts do changes: scripts are kept. On its own, for who needs nothing but this. */
export const EMIT_VERSION = 3;
