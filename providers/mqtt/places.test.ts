import { describe, test } from "vitest";
import { bytes, millis, minutes } from "../../src/domain/units.ts";
import { openProviderInbox } from "../../src/host/inbox/provider-inbox.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { createMemoryKeyValue, textOf } from "../../test/support/inbox.ts";
import { createMailbox } from "../../test/support/mailbox.ts";
import { createPlaces } from "./places.ts";

const LIMITS = { maxAttempts: 1, backoff: { initial: millis(1), max: millis(1) } };
const openInbox = async () =>
  await openProviderInbox({
    provider: "mqtt",
    keyValue: createMemoryKeyValue(),
    clock: systemClock,
    log: silentLogger,
    options: { maxMessages: 100, maxBytes: bytes(1000), unclaimed: minutes(60) },
  });
const message = (text: string) => [{ subject: "lamp/default.a", body: new TextEncoder().encode(text) }];

describe("createPlaces()", () => {
  test("hands over from one binding of a link to the next without losing or repeating a message", async ({
    expect,
  }) => {
    await using inbox = await openInbox();
    const places = createPlaces(inbox);
    const seen = createMailbox<string>();
    const gate = Promise.withResolvers<void>();
    const entered = Promise.withResolvers<void>();
    const old = places.open(
      "lamp/default",
      async ({ body }) => {
        entered.resolve();
        await gate.promise;
        seen.put(`old ${textOf(body)}`);
      },
      LIMITS,
    );
    await inbox.accept(message("1"));
    await entered.promise;
    const next = places.open("lamp/default", async ({ body }) => seen.put(`new ${textOf(body)}`), LIMITS);
    await inbox.accept(message("2"));
    const leaving = old[Symbol.asyncDispose]();
    gate.resolve();
    await leaving;
    expect(await seen.waitFor(2)).toEqual(["old 1", "new 2"]);
    await next[Symbol.asyncDispose]();
    await inbox.accept(message("3"));
    await using _last = places.open("lamp/default", async ({ body }) => seen.put(`last ${textOf(body)}`), LIMITS);
    expect(await seen.waitFor(3)).toEqual(["old 1", "new 2", "last 3"]);
  });

  test("a link that comes back while it leaves is served", async ({ expect }) => {
    await using inbox = await openInbox();
    const places = createPlaces(inbox);
    const seen = createMailbox<string>();
    const gate = Promise.withResolvers<void>();
    const entered = Promise.withResolvers<void>();
    const first = places.open(
      "lamp/default",
      async () => {
        entered.resolve();
        await gate.promise;
      },
      LIMITS,
    );
    await inbox.accept(message("1"));
    await entered.promise;
    const leaving = first[Symbol.asyncDispose]();
    await using _second = places.open("lamp/default", async ({ body }) => seen.put(textOf(body)), LIMITS);
    await inbox.accept(message("2"));
    gate.resolve();
    await leaving;
    expect(await seen.waitFor(1)).toEqual(["2"]);
  });
});
