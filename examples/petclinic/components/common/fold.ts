// Names as they are compared and sorted: without regard to case and accents. Databases differ in what they make of these.

/** Combining marks, which letters are decomposed into. */
const MARKS = /[\u0300-\u036f]/g;

export const foldName = (name: string): string => name.normalize("NFD").replaceAll(MARKS, "").toLowerCase();

/** A pattern for `LIKE … ESCAPE '!'` of what begins so. */
export const beginsWith = (name: string): string => `${foldName(name).replaceAll(/[!%_]/g, "!$&")}%`;
