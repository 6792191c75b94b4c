/** Version of petiole; a test holds it equal to package.json's. */
export const VERSION = "0.1.0";

/** Day of the release by UTC, set with the version: no clock that is right shows an earlier one. */
export const RELEASED = "2026-11-01";
