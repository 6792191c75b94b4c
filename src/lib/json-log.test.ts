import { spawn } from "node:child_process";
import { once } from "node:events";
import { text as textOf } from "node:stream/consumers";
import { describe, test } from "vitest";
import { createLogger } from "./json-log.ts";

describe("createLogger()", () => {
  function lines(): { readonly all: Record<string, unknown>[]; readonly sink: { write(line: string): void } } {
    const all: Record<string, unknown>[] = [];
    return { all, sink: { write: (line) => void all.push(JSON.parse(line) as Record<string, unknown>) } };
  }

  test("writes level, time, fields of the parents and of the line, and the message", ({ expect }) => {
    const { all, sink } = lines();
    const log = createLogger("info", sink).child({ part: "store" });
    log.info("Opened", { rows: 3 });
    log.debug("Not shown");
    expect(all).toEqual([
      { level: "info", time: expect.stringMatching(/^\d{4}-.*Z$/) as unknown, part: "store", rows: 3, msg: "Opened" },
    ]);
  });

  test("shows what an error says, and what caused it", ({ expect }) => {
    const { all, sink } = lines();
    const cause = Object.assign(new Error("no such file"), { code: "ENOENT" });
    createLogger("info", sink).error("Failed", { err: new TypeError("cannot read", { cause }) });
    expect(all).toMatchObject([
      {
        err: {
          type: "TypeError",
          message: "cannot read",
          stack: expect.any(String) as unknown,
          cause: { message: "no such file", code: "ENOENT" },
        },
      },
    ]);
  });

  test("writes a line whatever the fields are", ({ expect }) => {
    const { all, sink } = lines();
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    createLogger("info", sink).info("Odd", { circle, big: 1n, count: 2, list: ["a"] });
    createLogger("info", sink).info("Big", { big: 1n });
    expect(all).toMatchObject([
      { circle: "(cannot be shown)", big: "1", count: 2, list: ["a"], msg: "Odd" },
      { big: "1", msg: "Big" },
    ]);
  });

  test("tells an error's message also when there is a circle in it", ({ expect }) => {
    const { all, sink } = lines();
    const owner: Record<string, unknown> = {};
    const err = Object.assign(new Error("no answer"), { owner });
    owner["last"] = err;
    const own = new Error("its own cause");
    own.cause = own;
    for (const each of [err, own]) createLogger("info", sink).error("Failed", { err: each, part: "hub" });
    expect(all).toMatchObject([
      {
        err: { type: "Error", message: "no answer", stack: expect.any(String) as unknown },
        part: "hub",
        msg: "Failed",
      },
      { err: { message: "its own cause" }, part: "hub", msg: "Failed" },
    ]);
  });

  test("tells the errors that an error is made of", ({ expect }) => {
    const { all, sink } = lines();
    const err = new AggregateError([new Error("one"), new Error("two")], "both failed");
    createLogger("info", sink).error("Failed", { err });
    expect(all).toMatchObject([{ err: { message: "both failed", errors: [{ message: "one" }, { message: "two" }] } }]);
  });

  test("a line is one line, whatever text is in it", ({ expect }) => {
    const written: string[] = [];
    const text = 'a\n{"msg":"forged"}\r\u001b[2J\0\ud800';
    createLogger("info", { write: (line) => void written.push(line) }).info(text, { [text]: text });
    expect(written).toHaveLength(1);
    // oxlint-disable-next-line no-control-regex -- they are what is looked for
    expect(written[0]).toMatch(/^[^\u0000-\u001f]*\n$/);
    expect(JSON.parse(written[0] ?? "")).toMatchObject({ [text]: text, msg: text });
  });
});

describe("standard output", () => {
  const program = (lines: number): readonly string[] => [
    "--input-type=module",
    "-e",
    // Whoever asks for it makes it non-blocking.
    `process.stdout;
     const { createLogger } = await import(${JSON.stringify(new URL("json-log.ts", import.meta.url).href)});
     const log = createLogger("info");
     for (let count = 0; count < ${lines}; count += 1) log.info("Line", { count, text: "x".repeat(1000) });
     process.stderr.write("went on");`,
  ];
  const LIMIT_MS = 60_000;

  test("gets every line, at once, also when whoever reads is slow", { timeout: LIMIT_MS }, async ({ expect }) => {
    const child = spawn(process.execPath, program(500), { stdio: ["ignore", "pipe", "pipe"] });
    // More than the pipe holds: the program waits for the reader.
    await once(child.stdout, "readable");
    const [text] = await Promise.all([textOf(child.stdout), once(child, "close")]);
    const counts = text.trimEnd().split("\n");
    expect(counts.map((line) => (JSON.parse(line) as { count: number }).count)).toEqual([...counts.keys()]);
    expect(counts).toHaveLength(500);
  });

  test("may be closed by whoever read it", { timeout: LIMIT_MS }, async ({ expect }) => {
    const child = spawn(process.execPath, program(500), { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    const [told, [code]] = await Promise.all([textOf(child.stderr), once(child, "close")]);
    expect([told, code]).toEqual(["went on", 0]);
  });
});
