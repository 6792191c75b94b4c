import { setImmediate as tick } from "node:timers/promises";
import { describe, test } from "vitest";
import { WitError } from "../domain/errors.ts";
import { StreamEnds } from "./stream-ends.ts";
import type { StreamInput } from "./stream-messages.ts";

function open() {
  const posted: StreamInput[] = [];
  const ends = new StreamEnds((_stream, input) => posted.push(input));
  const bytes = (): number =>
    posted.reduce((sum, input) => sum + (input.kind === "chunk" ? input.bytes.byteLength : 0), 0);
  return { ends, posted, bytes };
}

/** What a reader does. */
function reader(pieces: number, log: string[]): AsyncIterable<Uint8Array> {
  return (async function* () {
    try {
      for (let piece = 0; piece < pieces; piece++) yield new Uint8Array(50_000);
    } finally {
      log.push("ended");
    }
  })();
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await tick();
}

describe("StreamEnds", () => {
  test("sends a window of what is read, and as much as there is credit for", async ({ expect }) => {
    const { ends, posted, bytes } = open();
    const log: string[] = [];
    const stream = ends.read(reader(3, log));
    await settle();
    expect(bytes()).toBe(65_536);
    ends.onOutput(stream, { kind: "credit", bytes: 20_000 });
    await settle();
    expect(bytes()).toBe(85_536);
    ends.onOutput(stream, { kind: "credit", bytes: 100_000 });
    await settle();
    expect([bytes(), posted.at(-1)?.kind, log]).toEqual([150_000, "end", ["ended"]]);
  });

  test("ends a reader that nobody reads any more, whether it waits or not", async ({ expect }) => {
    const { ends, posted } = open();
    const log: string[] = [];
    const stream = ends.read(reader(9, log));
    await settle();
    ends.onOutput(stream, { kind: "closed" });
    ends.read(reader(9, log));
    await settle();
    const count = posted.length;
    ends[Symbol.dispose]();
    await settle();
    expect([log, posted.length]).toEqual([["ended", "ended"], count]);
  });

  test("hands over what is written in order, and gives credit when it was taken", async ({ expect }) => {
    const { ends, posted } = open();
    const log: string[] = [];
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const stream = ends.write({
      write: async (bytes) => {
        log.push(`write ${bytes.byteLength}`);
        await gates.shift()?.promise;
      },
      close: async () => void log.push("close"),
      abort: () => void log.push("abort"),
    });
    const [first, second] = gates;
    for (const size of [1, 2]) ends.onOutput(stream, { kind: "chunk", bytes: new Uint8Array(size) });
    ends.onOutput(stream, { kind: "closed" });
    const { settled } = ends;
    await settle();
    expect([log, posted]).toEqual([["write 1"], []]);
    first?.resolve();
    await settle();
    expect([log, posted]).toEqual([["write 1", "write 2"], [{ kind: "credit", bytes: 1 }]]);
    second?.resolve();
    await settled;
    expect(log).toEqual(["write 1", "write 2", "close"]);
    ends[Symbol.dispose]();
    expect([log.length, ends.settled]).toEqual([3, undefined]);
  });

  test("says why writing failed, as far as it is for a component, and does not close then", async ({ expect }) => {
    const { ends, posted } = open();
    const log: string[] = [];
    for (const error of [new WitError("full"), new Error("/secret")]) {
      const stream = ends.write({
        write: () => Promise.reject(error),
        close: async () => void log.push("close"),
        abort: () => void log.push("abort"),
      });
      ends.onOutput(stream, { kind: "chunk", bytes: new Uint8Array(1) });
      ends.onOutput(stream, { kind: "closed" });
    }
    await ends.settled;
    expect(posted).toEqual([
      { kind: "failed", reason: "full" },
      { kind: "failed", reason: "the stream failed" },
    ]);
    ends[Symbol.dispose]();
    expect(log).toEqual([]);
  });

  test("bounds what is open, and ends a reader for which there is no room", ({ expect }) => {
    const { ends } = open();
    let returned = false;
    const writer = { write: async () => {}, close: async () => {}, abort: () => {} };
    for (let count = 0; count < 64; count++) ends.write(writer);
    const waiting = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.reject(new Error("it was read")),
        return: async () => {
          returned = true;
          return { done: true as const, value: undefined };
        },
      }),
    };
    expect(() => ends.read(waiting)).toThrow(expect.objectContaining({ code: "ERR_COMPONENT_BUSY" }) as Error);
    expect(returned).toBe(true);
  });
});
