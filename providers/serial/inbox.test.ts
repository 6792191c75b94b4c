import { test } from "vitest";
import { createMailbox } from "../../test/support/mailbox.ts";
import { providerDeps } from "../../test/support/provider-rig.ts";
import { createInbox } from "./inbox.ts";

test("a device that comes and goes between frames does not fill the queue of a component that hangs", async ({
  expect,
}) => {
  const gate = Promise.withResolvers<void>();
  const seen = createMailbox<string>();
  await using inbox = createInbox({
    label: "boiler",
    limit: 1,
    log: providerDeps().log,
    handleFrame: async ({ sequence }, lost) => {
      await gate.promise;
      seen.put(`frame ${sequence}, ${lost} lost`);
    },
    handlePresence: async (present) => seen.put(present ? "there" : "gone"),
  });
  for (let sequence = 1n; sequence <= 100n; sequence += 1n) {
    inbox.frame({ label: "boiler", payload: new Uint8Array(1), timestamp: 0n, sequence });
    // It is in the component's hands.
    if (sequence === 1n) await Promise.resolve();
    inbox.presence(false);
    inbox.presence(true);
  }
  gate.resolve();
  expect(await seen.waitFor(4)).toEqual(["frame 1, 0 lost", "there", "frame 100, 98 lost", "there"]);
});
