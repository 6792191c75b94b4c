import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "vitest";
import type { OutboxMessage, PublishReceipt } from "../domain/outbox.ts";
import { silentLogger } from "../lib/log.ts";
import { checkStorage, honestOutbox } from "./storage-check.ts";

const message = (lane: OutboxMessage["lane"]): OutboxMessage => ({
  lane,
  subject: "alarms.a",
  body: new Uint8Array(),
  headers: {},
});
const disk = {
  publish: async ({ lane }: OutboxMessage): Promise<PublishReceipt> => ({
    outcome: lane === "critical" ? "durable" : "buffered",
    seq: 7,
  }),
};

describe("honestOutbox()", () => {
  test("promises what the disk promises", async ({ expect }) => {
    expect(await honestOutbox(disk, undefined, "refuse").publish(message("critical"))).toMatchObject({
      outcome: "durable",
    });
  });

  test.for(["critical", "standard"] as const)(
    "says that nothing of %s is durable in memory",
    async (lane, { expect }) => {
      const receipt = await honestOutbox(disk, "it lies in memory", "warn").publish(message(lane));
      expect(receipt).toEqual({ outcome: "volatile", seq: 7 });
    },
  );

  test("closes the lane critical when it is told to refuse", async ({ expect }) => {
    const outbox = honestOutbox(disk, "it lies in memory", "refuse");
    await expect(outbox.publish(message("critical"))).rejects.toMatchObject({ code: "ERR_STORE_VOLATILE" });
    expect(await outbox.publish(message("standard"))).toMatchObject({ outcome: "volatile" });
  });
});

describe("checkStorage()", () => {
  test("notices memory, unless that is accepted", async ({ expect }) => {
    const stateDir = await mkdtemp(join("/dev/shm", "petiole-"));
    try {
      const { lossy, notice } = await checkStorage({ stateDir, policy: "warn" }, silentLogger);
      expect(lossy).toBe("it lies in memory (tmpfs)");
      expect(notice).toMatchObject({
        code: "ERR_STORE_VOLATILE",
        message: expect.stringContaining("a reboot loses it"),
      });
      expect(await checkStorage({ stateDir, policy: "accept" }, silentLogger)).toEqual({
        lossy: undefined,
        notice: undefined,
      });
    } finally {
      await rm(stateDir, { recursive: true });
    }
  });
});
