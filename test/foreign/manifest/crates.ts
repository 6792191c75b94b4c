// Components that lie ready in crates: examples of wac, made with cargo-component.

import { bare, type ForeignComponent } from "../foreign-component.ts";

export const CRATES: readonly ForeignComponent[] = [
  {
    name: "wac-hello",
    language: "Rust",
    madeWith: "cargo-component",
    shows: "a function of the world itself",
    calls: [bare("hello", [], { value: "Hello" })],
  },
  {
    name: "wac-greeter",
    language: "Rust",
    madeWith: "cargo-component",
    shows: "an imported function outside any interface, served by the host",
    host: () => (interfaceName, functionName) => {
      if (functionName === "hello") return "Moin";
      throw new Error(`nothing serves ${functionName} of ${interfaceName}`);
    },
    calls: [bare("greet", [], { value: "Moin, World!" })],
  },
  {
    name: "wac-greeter-hello",
    language: "Rust",
    madeWith: "cargo-component, wac",
    shows: "both, composed",
    calls: [bare("greet", [], { value: "Hello, World!" })],
  },
];
