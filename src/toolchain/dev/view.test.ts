import { describe, test } from "vitest";
import type { DevEvent } from "./events.ts";
import { createThinOut } from "./thin-out.ts";
import { createView, safeText } from "./view.ts";

const call: DevEvent = {
  kind: "call",
  from: "pins",
  component: "lamp",
  what: "petiole:gpio/edge-handler@0.1.0#handle-edges",
  args: '{label: "button"}',
  took: 21.4,
  result: undefined,
  error: undefined,
};

describe("createView()", () => {
  const plain = createView({ colours: false, verbose: false });

  test.for([
    [call, ['→ pins → lamp edge-handler#handle-edges({label: "button"}) 21 ms']],
    [
      {
        ...call,
        kind: "import",
        to: "store",
        what: "wasi:keyvalue/atomics#increment",
        args: "1",
        result: "2",
        took: 1500,
      },
      ["  ↳ lamp → store atomics#increment(1) = 2 1.50 s"],
    ],
    [{ ...call, what: "GET /a", args: "", result: "200" }, ["→ pins → lamp GET /a = 200 21 ms"]],
    [
      { kind: "said", component: "lamp", level: "error", text: "no\n  at a.ts:1:2" },
      ["error lamp no", "        at a.ts:1:2"],
    ],
    [
      {
        kind: "failed",
        component: "lamp",
        took: 3,
        goesOn: true,
        faults: [{ file: "a.ts", line: 1, column: 2, message: "no" }],
      },
      ["✗ lamp has faults; what ran before goes on", "  a.ts:1:2: no"],
    ],
    [{ kind: "log", level: "info", message: "Provider started", fields: {} }, []],
    [{ kind: "log", level: "warn", message: "Lost", fields: { port: "a", n: 1 } }, ["warn  Lost port=a n=1"]],
  ] as const)("shows %j", ([event, lines], { expect }) => {
    expect(plain(event as DevEvent)).toEqual(lines);
  });

  test("lets no text of a component move the cursor, with and without colours", ({ expect }) => {
    const said: DevEvent = { kind: "said", component: "lamp", level: "info", text: "a\u001b[2Jb\u0007\u001b[31mc" };
    expect(plain(said)).toEqual(["info  lamp a?[2Jb?c"]);
    const coloured = createView({ colours: true, verbose: false })(said).join("");
    expect(coloured).not.toContain("\u001b[2J");
    expect(coloured).not.toContain("\u0007");
    expect(safeText("200 a\u001b[2Jb\n\u001b[31mc\r")).toBe("200 a?[2Jb\nc?");
  });
});

test("createThinOut() leaves out what comes too often, counts it, and shows every failure", ({ expect }) => {
  let now = 0;
  const thin = createThinOut(() => now);
  const shown = Array.from({ length: 8 }, () => thin(call).isShown);
  expect(shown).toEqual([true, true, true, true, true, false, false, false]);
  expect(thin({ ...call, error: "trapped" })).toEqual({ isShown: true, left: 0 });
  expect(thin({ ...call, what: "another#one" })).toEqual({ isShown: true, left: 0 });
  now = 1000;
  expect(thin(call)).toEqual({ isShown: true, left: 3 });
  expect(thin(call)).toEqual({ isShown: true, left: 0 });
});
