// The hub's time, as it comes with what JetStream tells of a stream: before anything is sent, and again when asked.

import { describe, test } from "vitest";
import { watchHubTime } from "../../../src/adapters/lattice/hub-time.ts";
import type { HubTime } from "../../../src/lib/clock-sync/verdict.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { isDrained, startHubRig, type LinkMode } from "../../support/hub-rig.ts";
import { createMemoryOutbox } from "../../support/memory-outbox.ts";
import { serverVersions } from "../../support/nats.ts";
import { waitFor } from "../../support/wait-for.ts";

const MODES: readonly LinkMode[] = ["direct", "leaf"];
const setups = (await serverVersions()).flatMap((server) => MODES.map((mode) => ({ ...server, mode })));
/** nats-server 2.9 does not tell its time. */
const tells = (version: string): boolean => !version.startsWith("2.9.");

describe.each(setups)("the time of a hub with nats-server $name, $mode", ({ binary, mode, skip }) => {
  const only = skip === undefined ? test : test.skip;

  only("is heard before the first message is sent, and again when asked for", async ({ expect }) => {
    await using rig = await startHubRig({ binary, mode });
    await rig.createStream();
    const source = createMemoryOutbox();
    source.add("critical", "readings.boiler");
    const heard: { readonly time: HubTime; readonly sent: number }[] = [];
    const onTime = (time: HubTime): void => void heard.push({ time, sent: source.acknowledgedNow("critical") });
    await using forwarder = rig.forwarder(source, { onHubTime: onTime });
    await waitFor("the message to arrive", () => isDrained(source));
    if (!tells(rig.hub.version)) {
      expect(heard).toEqual([]);
      return;
    }
    expect(heard[0]?.sent).toBe(0);
    const before = heard.length;
    await using watch = watchHubTime({
      connection: rig.connection,
      monitor: { onChange: () => ({ [Symbol.dispose]: () => {} }) },
      domain: rig.domain,
      stream: () => forwarder.state().stream,
      isWanted: () => false,
      onTime,
      clock: systemClock,
    });
    await waitFor("the first answer", () => heard.length > before);
    watch.ask();
    await waitFor("another answer", () => heard.length > before + 1);
    // Hub and device are one machine here: what is between the two is what the answer says about itself.
    for (const { time } of heard) {
      const device = systemClock.wall() - systemClock.boottime();
      expect(Math.abs(time.offset - device)).toBeLessThanOrEqual(time.error + 10);
      expect(time.asked).toBeLessThanOrEqual(systemClock.boottime());
    }
  });
});
