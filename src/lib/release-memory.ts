// Memory that was needed once, such as for reading the program and the configuration, is given back to the system: V8
// and the C library keep it for later, and a device has little.

import { existsSync } from "node:fs";
import { loadAddon, nativeLibrary } from "./parts.ts";

/** Made of native/machine-code.cc. */
interface Addon {
  releaseMemory(): void;
}

/**
 * Gives back what this thread does not need, which takes some tens of milliseconds. Without the add-on, memory stays
 * where it is.
 */
export function releaseMemory(): void {
  const file = nativeLibrary("petiole-native.node");
  if (existsSync(file)) (loadAddon(file) as Addon).releaseMemory();
}
