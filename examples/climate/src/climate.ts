// What happens when the timer fires. Knows nothing of WIT: `index.ts` lends it the capabilities.

import { errorText } from "../../lib/error-text.ts";
import { encodeUtf8 } from "../../lib/utf8.ts";
import { FETCH, LENGTH, START, decode } from "./sht3x.ts";

export interface Capabilities {
  /** Writes, and reads so many bytes in the same transaction. Throws what the bus says. */
  ask(command: readonly number[], length: number): Uint8Array;
  tell(command: readonly number[]): void;
  publish(subject: string, body: Uint8Array): void;
  warn(message: string): void;
}

/**
 * Publishes what the sensor measured last. One that has nothing to say has lost its power, or just got it: it is told to
 * measure, and the next firing has a value.
 */
export function report(name: string, capabilities: Capabilities): void {
  let bytes: Uint8Array;
  try {
    bytes = capabilities.ask(FETCH, LENGTH);
  } catch (error) {
    capabilities.warn(`The sensor has no value (${errorText(error)}): it is told to measure`);
    capabilities.tell(START);
    return;
  }
  const climate = decode(bytes);
  // Half a value is none: the next firing tries again.
  if (climate === undefined) return capabilities.warn("A checksum of the sensor does not fit");
  capabilities.publish(`climate.${name}`, encodeUtf8(JSON.stringify(climate)));
}
