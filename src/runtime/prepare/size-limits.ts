import { bytes, mebibytes } from "../../domain/units.ts";

/** Of the file of a component. */
export const MAX_COMPONENT_SIZE = mebibytes(64);

/** Of an entry that was made elsewhere: several times what it was made of. */
export const MAX_SIGNED_ENTRY_SIZE = bytes(4 * MAX_COMPONENT_SIZE);
