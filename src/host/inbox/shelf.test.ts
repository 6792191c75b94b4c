import { test } from "vitest";
import { bytes } from "../../domain/units.ts";
import { systemClock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import { createMemoryKeyValue } from "../../../test/support/inbox.ts";
import { openShelf } from "./shelf.ts";

test("a message that two remove at once takes no other one along", async ({ expect }) => {
  const keyValue = createMemoryKeyValue();
  const shelf = await openShelf({ bucket: "b", cache: bytes(0), keyValue, clock: systemClock, log: silentLogger });
  const add = async (seq: number) => {
    const origin = { stream: "s", created: "", seq, time: 0n };
    return await shelf.add({ subject: `a.${seq}`, body: new Uint8Array(1), origin }, false);
  };
  const first = await add(1);
  await add(2);
  await Promise.all([shelf.remove(first), shelf.remove(first)]);
  expect(shelf.entries.map(({ subject }) => subject)).toEqual(["a.2"]);
});
