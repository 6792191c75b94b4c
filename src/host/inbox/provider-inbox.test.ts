import { describe, test } from "vitest";
import { PetioleError } from "../../domain/errors.ts";
import { bytes, millis, minutes } from "../../domain/units.ts";
import { systemClock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import type { KeyValueStore, ProviderInbox, ProviderInboxOptions } from "../../provider/services.ts";
import { createMemoryKeyValue, textOf } from "../../../test/support/inbox.ts";
import { waitFor } from "../../../test/support/wait-for.ts";
import { openProviderInbox } from "./provider-inbox.ts";

const LIMITS = { maxAttempts: 2, backoff: { initial: millis(1), max: millis(5) } };
const open = async (
  keyValue: KeyValueStore,
  options: Partial<ProviderInboxOptions> = {},
  provider = "mqtt",
): Promise<ProviderInbox> =>
  await openProviderInbox({
    provider,
    keyValue,
    clock: systemClock,
    log: silentLogger,
    options: { maxMessages: 100, maxBytes: bytes(1000), unclaimed: minutes(60), ...options },
  });
const message = (subject: string, text: string) => ({ subject, body: new TextEncoder().encode(text) });

describe("openProviderInbox()", () => {
  test("keeps messages over a restart, in order, apart from those of other providers", async ({ expect }) => {
    const keyValue = createMemoryKeyValue();
    {
      await using inbox = await open(keyValue);
      await using other = await open(keyValue, {}, "other");
      await other.accept([message("a.x", "other")]);
      expect(await inbox.accept([message("a.x", "1"), message("b.x", "1")])).toBe(true);
      await Promise.all(["2", "3"].map(async (text) => await inbox.accept([message("a.x", text)])));
    }
    const seen: string[] = [];
    await using inbox = await open(keyValue);
    await using _a = inbox.subscribe("a.>", async ({ body }) => void seen.push(textOf(body)), LIMITS);
    await waitFor("three messages", () => seen.length === 3);
    await inbox.accept([message("a.y", "4")]);
    await waitFor("the message that came later", () => seen.length === 4);
    expect(seen).toEqual(["1", "2", "3", "4"]);
    expect(inbox.stats()).toMatchObject({ unclaimed: 1, dead: [] });
  });

  test("accept() stores all or none, and says when there is room again", async ({ expect }) => {
    await using inbox = await open(createMemoryKeyValue(), { maxMessages: 2 });
    let along = 0;
    const count = async (): Promise<void> => void (along += 1);
    expect(await inbox.accept([message("a", "1")], count)).toBe(true);
    // Both are judged before the first is on disk.
    const both = [inbox.accept([message("a", "2")], count), inbox.accept([message("a", "3")], count)];
    expect(await Promise.all(both)).toEqual([true, false]);
    expect(inbox.hasRoom()).toBe(false);
    expect(await inbox.accept([], count)).toBe(true);
    expect(along).toBe(3);
    const room = Promise.withResolvers<void>();
    using _listener = inbox.onRoom(() => inbox.hasRoom() && room.resolve());
    await using _ = inbox.subscribe("a", async () => {}, LIMITS);
    await room.promise;
  });

  test("tries as often as the subscription says, and keeps what was given up in sight", async ({ expect }) => {
    await using inbox = await open(createMemoryKeyValue());
    await using _ = inbox.subscribe(
      "a.>",
      async () => {
        throw new PetioleError("ERR_COMPONENT_TRAP", "unreachable");
      },
      LIMITS,
    );
    await inbox.accept([message("a.b/c", "x")]);
    await waitFor("the end of the attempts", () => inbox.stats().dead.length === 1);
    expect(inbox.stats().dead).toMatchObject([{ subject: "a.b/c", stream: "mqtt", attempts: 2, size: 1 }]);
  });
});
