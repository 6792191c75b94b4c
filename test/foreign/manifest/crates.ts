// Components that lie ready in crates: examples of wac, made with cargo-component.

import { BARE_FUNCTIONS, bare, type ForeignComponent } from "../foreign-component.ts";

const UNSERVED = {
  refused: {
    at: "instantiate",
    code: "ERR_COMPONENT_INVALID",
    says: 'no import "hello"',
    because: "functions outside any interface cannot be imported yet",
  },
  withJco: {
    at: "instantiate",
    code: "ERR_COMPONENT_TRAP",
    says: "reading 'default'",
    because: "the same",
  },
} as const satisfies Partial<ForeignComponent>;

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
    ...(BARE_FUNCTIONS ? {} : UNSERVED),
  },
  {
    name: "wac-greeter-hello",
    language: "Rust",
    madeWith: "cargo-component, wac",
    shows: "both, composed",
    calls: [bare("greet", [], { value: "Hello, World!" })],
  },
];
