import { parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import { describe, test } from "vitest";
import { inspectComponent } from "../binary/component-binary.ts";
import { builtinSignature } from "./builtin-types.ts";

/** Why a component that imports this is refused. */
async function refusal(text: string): Promise<string> {
  const bytes = await parse(`(component ${text})`);
  try {
    inspectComponent(bytes, "it");
    return "fine";
  } catch (error) {
    return String(error);
  }
}
const random = (type: string): string =>
  `(import "wasi:random/random@0.2.9" (instance (export "get-random-bytes" (func ${type}))))`;
const foreignPollable = `
  (import "acme:a/b" (instance $a (export "pollable" (type (sub resource)))))
  (alias export $a "pollable" (type $p))
  (import "wasi:io/poll@0.2.0" (instance
    (alias outer 1 $p (type $q)) (export "pollable" (type $r (eq $q)))
    (export "[method]pollable.ready" (func (param "self" (borrow $r)) (result bool)))))`;

describe("The types of built-in functions", () => {
  test.for([
    ["fine", random(`(param "len" u64) (result (list u8))`)],
    ["fine", random(`(param "length" u64) (result (list u8))`)],
    ["with another type than WASI gives it", random(`(param "len" u32) (result (list u8))`)],
    ["with another type than WASI gives it", random(`(param "len" u64) (result u32)`)],
    ["with another type than WASI gives it", random(`(param "len" u64) (param "b" u8) (result (list u8))`)],
    ["with another type than WASI gives it", random(`(result (list u8))`)],
    ["with another type than WASI gives it", foreignPollable],
    ["fine", foreignPollable.replace("acme:a/b", "wasi:io/poll@0.2.1")],
  ] as const)("are compared: %s", async ([fault, text], { expect }) => {
    expect(await refusal(text)).toContain(fault);
  });

  test("are known for what WASI has, and for nothing else", ({ expect }) => {
    expect(builtinSignature("wasi:sockets/tcp@0.2.3", "[method]tcp-socket.start-connect")).toMatch(
      /^\(borrow<tcp-socket>,borrow<network>,variant\{ipv4\(/,
    );
    expect(builtinSignature("wasi:io/streams@0.2.0", "[method]input-stream.close")).toBeUndefined();
    expect(builtinSignature("wasi:io/streams@0.2.0", "toString")).toBeUndefined();
  });
});
