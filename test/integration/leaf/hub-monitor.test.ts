// What the link's state says, and how soon: a hub that is killed, frozen or cut off is seen although the device's own
// NATS connection notices nothing, and its return is seen as well.

import { describe, test } from "vitest";
import { createHubEcho } from "../../../src/adapters/lattice/hub-echo.ts";
import { connectNats } from "../../../src/adapters/lattice/connection.ts";
import { startHubMonitor, type RunningHubMonitor } from "../../../src/adapters/leaf/hub-monitor.ts";
import type { HubLink } from "../../../src/domain/hub-link.ts";
import { seconds } from "../../../src/domain/units.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { startHubRig, watchHub, type LinkMode } from "../../support/hub-rig.ts";
import { serverVersions } from "../../support/nats.ts";
import { waitFor } from "../../support/wait-for.ts";

async function until(monitor: RunningHubMonitor, link: HubLink): Promise<void> {
  await waitFor(`the link to be ${link}`, () => monitor.state().link === link);
}

const modes: LinkMode[] = ["direct", "leaf"];
const setups = (await serverVersions()).flatMap((server) => modes.map((mode) => ({ ...server, mode })));

describe.each(setups)("startHubMonitor() over a $mode link to nats-server $name", ({ binary, mode, skip }) => {
  const only = skip === undefined ? test : test.skip;

  only("sees a hub that is killed, and its return", async ({ expect }) => {
    await using rig = await startHubRig({ binary, mode });
    await using monitor = watchHub(rig);
    await until(monitor, "online");
    expect(monitor.state()).toMatchObject({ mode, reason: undefined });
    expect(monitor.state().rtt).toBeGreaterThan(0);
    await rig.hub.kill();
    await until(monitor, "offline");
    expect(monitor.state().reason).toBeTypeOf("string");
    await rig.hub.restart();
    await until(monitor, "online");
  });

  only("sees a hub that froze without closing anything", async ({ expect }) => {
    await using rig = await startHubRig({ binary, mode });
    await using monitor = watchHub(rig);
    await until(monitor, "online");
    const changes: string[] = [];
    using _listening = monitor.onChange(({ link }) => void changes.push(link));
    rig.hub.freeze();
    try {
      await until(monitor, "degraded");
      expect(monitor.state().reason).toContain("did not answer within 200 ms");
    } finally {
      rig.hub.thaw();
    }
    await until(monitor, "online");
    expect(changes[0]).toBe("degraded");
    expect(changes.at(-1)).toBe("online");
  });

  only("is degraded while the hub has no JetStream to answer", async ({ expect }) => {
    await using rig = await startHubRig({ binary, mode });
    await using monitor = watchHub(rig, "elsewhere");
    await waitFor("the reason", () =>
      monitor.state().reason?.includes('no JetStream answers in the domain "elsewhere"'),
    );
    expect(monitor.state().link).toBe("degraded");
  });
});

test("startHubMonitor() tells that the local server died", async ({ expect }) => {
  await using rig = await startHubRig({ binary: (await serverVersions())[0]?.binary ?? "", mode: "leaf" });
  await using monitor = watchHub(rig);
  await until(monitor, "online");
  await rig.leaf?.[Symbol.asyncDispose]();
  await until(monitor, "offline");
  expect(monitor.state().reason).toBe("the local nats-server does not answer");
});

test("connectNats() and startHubMonitor() end at once", async ({ expect }) => {
  const connection = connectNats({ servers: ["nats://127.0.0.1:1"], name: "t", log: silentLogger });
  const monitor = startHubMonitor({
    mode: "direct",
    probePath: () => ({ up: false }),
    echo: createHubEcho({ connection }),
    log: silentLogger,
    pollInterval: seconds(600),
    echoInterval: seconds(600),
  });
  expect(monitor.state()).toMatchObject({ link: "offline", mode: "direct" });
  await monitor[Symbol.asyncDispose]();
  await connection[Symbol.asyncDispose]();
});
