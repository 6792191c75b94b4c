import { describe, test } from "vitest";
import { err, ok } from "../result.ts";
import { CLOSED } from "../streams.ts";
import { BODY_WINDOW } from "./messages.ts";
import { BodyQueue } from "./body-queue.ts";
import { HttpFault } from "./error-code.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

function queue() {
  const credits: number[] = [];
  return { made: new BodyQueue((credit) => credits.push(credit)), credits };
}

describe("BodyQueue", () => {
  test("read() takes pieces apart, and tells the end only after the last of them", ({ expect }) => {
    const { made } = queue();
    expect([made.ready(), made.read(5)]).toEqual([false, bytes()]);
    made.push(bytes(1, 2, 3));
    made.push(bytes());
    made.finish(ok(undefined));
    made.push(bytes(4));
    expect(made.read(2)).toEqual(bytes(1, 2));
    expect(made.end).toBeUndefined();
    expect(made.read(2)).toEqual(bytes(3));
    expect([made.end, made.read(2), made.ready()]).toEqual([ok(undefined), CLOSED, true]);
  });

  test("read() tells why the body was cut off", ({ expect }) => {
    const { made } = queue();
    made.finish(err({ tag: "connection-terminated" }));
    made.finish(ok(undefined));
    expect(made.read(1)).toMatchObject({
      tag: "last-operation-failed",
      val: { cause: new HttpFault({ tag: "connection-terminated" }) },
    });
  });

  test("wakes who waits, for bytes and for the end", ({ expect }) => {
    const { made } = queue();
    let woken = 0;
    const wake = (): void => void woken++;
    made.subscribe(wake);
    made.push(bytes(1));
    made.push(bytes(2));
    made.subscribe(wake);
    made.finish(ok(undefined));
    expect(woken).toBe(2);
  });

  test("gives credit for what was read, in portions, and none that nobody needs", ({ expect }) => {
    const { made, credits } = queue();
    const piece = BODY_WINDOW / 4;
    for (let index = 0; index < 3; index++) {
      made.push(new Uint8Array(piece));
      made.read(piece);
    }
    expect(credits).toEqual([2 * piece]);
    made.push(new Uint8Array(3 * piece));
    made.finish(ok(undefined));
    made.read(3 * piece);
    expect(credits).toEqual([2 * piece]);
  });

  test("drain() drops what is there and what comes, and lets it come", ({ expect }) => {
    const { made, credits } = queue();
    made.push(new Uint8Array(BODY_WINDOW / 2));
    made.drain();
    made.push(new Uint8Array(BODY_WINDOW / 2));
    expect([credits, made.ready()]).toEqual([[BODY_WINDOW / 2, BODY_WINDOW / 2], false]);
    made.finish(ok(undefined));
    expect(made.end).toEqual(ok(undefined));
  });
});
