// Contract: what a key of the hub's bucket holds is told whenever the hub is reached, and each change soon after, in
// both modes and with the oldest supported hub; a deleted key is told as such.

import { Kvm, type KV } from "@nats-io/kv";
import { connect } from "@nats-io/transport-node";
import { describe, test } from "vitest";
import { watchBucket, type BucketEntry, type BucketWatch } from "../../../src/adapters/lattice/desired-bucket.ts";
import { millis, seconds } from "../../../src/domain/units.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { textOf } from "../../support/inbox.ts";
import { DEVICE, startHubRig, type HubRig, type LinkMode } from "../../support/hub-rig.ts";
import { serverVersions } from "../../support/nats.ts";
import { waitFor } from "../../support/wait-for.ts";

async function openBucket(rig: HubRig): Promise<{ readonly bucket: KV } & AsyncDisposable> {
  const connection = await connect({ servers: rig.hub.url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  const bucket = await new Kvm(connection).create("wanted");
  return { bucket, [Symbol.asyncDispose]: () => connection.close() };
}

function watch(
  rig: HubRig,
): { readonly told: (string | undefined)[]; readonly watching: BucketWatch } & AsyncDisposable {
  const told: (string | undefined)[] = [];
  const watching = watchBucket({
    bucket: "wanted",
    key: DEVICE,
    domain: rig.domain,
    connection: rig.connection,
    clock: systemClock,
    log: silentLogger,
    expires: seconds(2),
    requestTimeout: seconds(1),
    backoff: { initial: millis(50), max: millis(200) },
    onEntry: async ({ value }: BucketEntry) => {
      told.push(value === undefined ? undefined : textOf(value));
    },
  });
  return { told, watching, [Symbol.asyncDispose]: () => watching[Symbol.asyncDispose]() };
}

for (const { name, binary, skip } of await serverVersions()) {
  for (const mode of ["direct", "leaf"] as const satisfies LinkMode[]) {
    describe.skipIf(skip !== undefined)(`a watched bucket, ${name} hub, ${mode} mode`, () => {
      test("tells what is there, each change, and that the key was deleted", async ({ expect }) => {
        await using rig = await startHubRig({ binary, mode });
        await using cloud = await openBucket(rig);
        await cloud.bucket.put(DEVICE, "one");
        await cloud.bucket.put("other", "for another");
        await using device = watch(rig);
        await waitFor("the first value", () => device.told.length === 1);
        await cloud.bucket.put("other", "for another again");
        await cloud.bucket.put(DEVICE, "two");
        await waitFor("the second value", () => device.told.length === 2);
        await cloud.bucket.delete(DEVICE);
        await waitFor("the deletion", () => device.told.length === 3);
        await cloud.bucket.put(DEVICE, "three");
        await waitFor("the third value", () => device.told.length === 4);
        expect(device.told).toEqual(["one", "two", undefined, "three"]);
      });

      test("tells after an outage what is there then", async ({ expect }) => {
        await using rig = await startHubRig({ binary, mode });
        await using cloud = await openBucket(rig);
        await cloud.bucket.put(DEVICE, "one");
        await using device = watch(rig);
        await waitFor("the first value", () => device.told.length === 1);
        rig.link.cut();
        await waitFor("the link to be gone", () => rig.link.connections() === 0);
        await cloud.bucket.put(DEVICE, "two");
        await cloud.bucket.put(DEVICE, "three");
        rig.link.mend();
        await waitFor("the newest value", () => device.told.at(-1) === "three");
        await rig.hub.kill();
        await rig.hub.restart();
        await waitFor("the hub to take a value", () => cloud.bucket.put(DEVICE, "four"));
        await waitFor("the value after the restart", () => device.told.at(-1) === "four");
        expect(device.told).not.toContain(undefined);
      });

      test("says that there is no bucket, and begins when there is one", async ({ expect }) => {
        await using rig = await startHubRig({ binary, mode });
        await using device = watch(rig);
        const error = await waitFor("an error", () =>
          [device.watching.lastError()].find((one) => one?.message.includes("the hub has none")),
        );
        expect(error.code).toBe("ERR_LATTICE_BUCKET");
        await using cloud = await openBucket(rig);
        await cloud.bucket.put(DEVICE, "one");
        await waitFor("the value", () => device.told.at(-1) === "one");
        expect(device.watching.watching()).toBe(true);
        expect(device.watching.lastError()).toBeUndefined();
      });
    });
  }
}
