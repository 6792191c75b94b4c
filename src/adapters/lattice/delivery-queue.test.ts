import { describe, test } from "vitest";
import { bytes } from "../../domain/units.ts";
import { createDeliveryQueue, type DeliveryQueueOptions } from "./delivery-queue.ts";

function message(text: string) {
  return { subject: "s", body: new TextEncoder().encode(text), replyTo: undefined };
}

function options(change: Partial<DeliveryQueueOptions>): DeliveryQueueOptions {
  return {
    limit: { messages: 2, bytes: bytes(10) },
    deliver: async () => {},
    onFailure: () => {},
    onDrop: () => {},
    ...change,
  };
}

describe("createDeliveryQueue()", () => {
  test("delivers on after a handler failed", async ({ expect }) => {
    const [seen, failures]: [string[], unknown[]] = [[], []];
    const done = Promise.withResolvers<void>();
    const queue = createDeliveryQueue(
      options({
        deliver: async ({ body }) => {
          const text = new TextDecoder().decode(body);
          if (text === "bad") throw new Error("bad");
          seen.push(text);
          if (text === "last") done.resolve();
        },
        onFailure: (error) => void failures.push(error),
      }),
    );
    for (const text of ["bad", "last"]) queue.push(message(text));
    await done.promise;
    expect(seen).toEqual(["last"]);
    expect(failures).toHaveLength(1);
  });

  test("drops by count and by bytes, tells once for each run of drops, and takes one message of any size", async ({
    expect,
  }) => {
    const gate = Promise.withResolvers<void>();
    const drops: number[] = [];
    const queue = createDeliveryQueue(
      options({ deliver: () => gate.promise, onDrop: (dropped) => void drops.push(dropped) }),
    );
    queue.push(message("running"));
    queue.push(message("far more than ten bytes"));
    for (let i = 0; i < 3; i++) queue.push(message("x"));
    expect(drops).toEqual([1]);
    gate.resolve();
    await queue[Symbol.asyncDispose]();
  });

  test("disposal waits for the delivery in progress and drops the rest", async ({ expect }) => {
    const gate = Promise.withResolvers<void>();
    const seen: number[] = [];
    const queue = createDeliveryQueue(
      options({
        deliver: async ({ body }) => {
          await gate.promise;
          seen.push(body.length);
        },
      }),
    );
    queue.push(message("a"));
    queue.push(message("bb"));
    const ended = queue[Symbol.asyncDispose]();
    gate.resolve();
    await ended;
    queue.push(message("ccc"));
    expect(seen).toEqual([1]);
  });
});
