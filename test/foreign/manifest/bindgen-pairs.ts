// The tests of wit-bindgen: a runner and what it calls are two or three components in one, often of several languages,
// and assert what they get from each other; a failed assertion is a trap.

import { bare, type ForeignComponent } from "../foreign-component.ts";

const pair = (
  name: string,
  language: string,
  shows: string,
  more: Partial<ForeignComponent> = {},
): ForeignComponent => ({
  name: `bindgen-${name}`,
  language,
  madeWith: "wit-bindgen 0.63, wac",
  shows,
  calls: [bare("run", [], { value: undefined })],
  ...more,
});

export const BINDGEN_PAIRS: readonly ForeignComponent[] = [
  pair("demo", "C, Rust", "composition of two components"),
  pair("numbers", "Rust, C", "all numbers and char"),
  pair("strings", "C++, Rust", "strings"),
  pair("strings-utf16", "C", "strings in UTF-16 on both sides", {
    withJco: {
      at: "load",
      code: "ERR_COMPONENT_INVALID",
      says: "unreachable",
      because: "its transpiler traps",
    },
  }),
  pair("lists", "C++, C", "lists, also of lists"),
  pair("lists-alias", "Rust", "lists by another name"),
  pair("list-in-variant", "Rust", "lists in variants, options and results"),
  pair("records", "C++, C", "records, tuples, flags"),
  pair("records-go", "Rust, Go", "records, tuples, flags; the Go runtime as a reactor"),
  pair("variants", "Rust, C++", "variants whose cases share their storage"),
  pair("options", "C++, Rust", "options of options"),
  pair("results", "Rust, C++", "results through three components"),
  pair("many-arguments", "C++, Rust", "16 arguments"),
  pair("flavorful", "Rust, C", "lists in records and variants, typedefs"),
  pair("versions", "Rust", "two versions of one interface"),
  pair("common-types", "C++, Rust", "types shared by interfaces"),
  pair("resources", "Rust, C++", "resources that three components pass on"),
  pair("resource-aggregates", "Rust", "handles in records, variants and lists"),
  pair("resource-borrow", "C, Rust", "borrowed handles"),
  pair("resource-floats", "Rust", "resources that are re-exported"),
  pair("resource-with-lists", "Rust", "resources made of lists"),
  pair("resource-borrow-in-record", "C++, Rust", "borrowed handles in records"),
  pair("ownership", "Rust", "parameters passed by reference"),
  pair("fixed-length-lists", "Rust, C++", "lists of fixed length", { leftToJco: "lists of fixed length" }),
  pair("map", "C, Rust", "maps", { leftToJco: "maps" }),
  pair("future", "Rust, C", "futures of the asynchronous ABI", { leftToJco: "asynchronous functions" }),
  pair("stream", "C", "streams of the asynchronous ABI", { leftToJco: "streams" }),
  pair("ping-pong", "C, Rust", "futures that go back and forth", { leftToJco: "asynchronous functions" }),
  pair("pending-import", "C", "an asynchronous import that is not ready", { leftToJco: "asynchronous functions" }),
];
