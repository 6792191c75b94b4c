// Memory that was needed once, such as for reading the program and the configuration, is given back to the system: V8
// and the C library keep it for later, and a device has little.

import { existsSync } from "node:fs";
import { loadAddon, nativeLibrary } from "./parts.ts";

/** Made of native/machine-code.cc. */
interface Addon {
  releaseMemory(): void;
}

/**
 * Gives back what this thread does not need, which takes some tens of milliseconds. Without the add-on, or where it
 * cannot be loaded, memory stays where it is: nothing else depends on it. Tells whether it was given back.
 */
export function releaseMemory(): boolean {
  try {
    const file = nativeLibrary("petiole-native.node");
    if (!existsSync(file)) return false;
    (loadAddon(file) as Addon).releaseMemory();
    return true;
  } catch {
    return false;
  }
}
