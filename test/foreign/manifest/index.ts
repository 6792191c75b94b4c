import type { ForeignComponent } from "../foreign-component.ts";
import { BINDGEN_EXPORTS } from "./bindgen-exports.ts";
import { BINDGEN_PAIRS } from "./bindgen-pairs.ts";
import { CRATES } from "./crates.ts";
import { FETCHED } from "./fetched.ts";
import { PROGRAMS } from "./programs.ts";

export const FOREIGN_COMPONENTS: readonly ForeignComponent[] = [
  ...PROGRAMS,
  ...CRATES,
  ...BINDGEN_EXPORTS,
  ...BINDGEN_PAIRS,
  ...FETCHED,
];
