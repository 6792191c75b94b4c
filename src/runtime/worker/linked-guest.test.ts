import vm from "node:vm";
import { describe, test } from "vitest";
import type { GuestParts } from "./guest-code.ts";
import { instantiateLinked } from "./linked-guest.ts";

class InputStream {
  read(): string {
    return "read";
  }
  close(): string {
    return "closed";
  }
}

/** Instantiates what imports a function of wasi:io/streams. */
function importing(functionName: string): void {
  const script = new vm.Script(`(host) => host.hostFunction("wasi:io/streams@0.2.0", ${JSON.stringify(functionName)})`);
  const parts = { script, exports: [], imports: [], builtins: { "wasi:io/streams": { InputStream } } };
  instantiateLinked(parts as unknown as GuestParts); // Nothing else is used.
}

describe("instantiateLinked()", () => {
  test("gives a guest the methods that WASI has, and no others of the same objects", ({ expect }) => {
    expect(() => importing("[method]input-stream.read")).not.toThrow();
    expect(() => importing("[method]input-stream.close")).toThrow(/imports "\[method\]input-stream.close"/);
  });
});
