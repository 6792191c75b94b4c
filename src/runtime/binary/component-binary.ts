// What a component imports and exports, for those who do not instantiate it.

import { readBorder, type Border } from "../link/resolve.ts";

export type ComponentInspection = Border;

/**
 * Imports and exports of a component, with the functions and resources of each interface.
 * @throws PetioleError ERR_COMPONENT_INVALID
 */
export function inspectComponent(bytes: Uint8Array, source = "component"): ComponentInspection {
  return readBorder(bytes, source);
}
