// The link of a device that enrols while its agent runs: in both modes it comes up by itself, and a revocation at the
// hub takes it down.

import { join } from "node:path";
import { describe, test } from "vitest";
import { pushAccount } from "../../../src/fleet/account.ts";
import { startDevice } from "../../support/device.ts";
import { enrolWhenAnswered, startFleet, unixNow } from "../../support/fleet.ts";
import { serverVersions } from "../../support/nats.ts";
import { waitFor } from "../../support/wait-for.ts";

const MODES = ["leaf", "direct"] as const;
const setups = (await serverVersions()).flatMap((server) => MODES.map((mode) => ({ ...server, mode })));

describe.each(setups)("a $mode link to nats-server $name", ({ binary, mode, skip }) => {
  const only = skip === undefined ? test : test.skip;

  only("comes up when the device is enrolled, and goes down when it is revoked", async ({ expect }) => {
    await using rig = await startFleet({ binary, mode });
    await using _serving = rig.serve();
    const urls = [mode === "leaf" ? rig.nats.leafUrl : rig.nats.url];
    const hub = { mode, domain: "hub", urls, enrolled: true, stream: { create: true } };
    await using device = await startDevice({ binary, hub });
    // Local clients are served before there are credentials.
    await waitFor("the local server", async () => mode === "direct" || (await fetch(device.monitorUrl)).ok);
    await enrolWhenAnswered({ stateDir: join(device.folder, "state"), device: "press-7", token: rig.token() });
    await device.until("online");
    const seq = device.source.add("critical", "readings.a");
    await waitFor("the acknowledgement", () => device.source.acknowledgedNow("critical") === seq);
    rig.fleet.registry.transaction(() => rig.fleet.registry.revokeDevice("press-7", unixNow()));
    await pushAccount(rig.fleet, unixNow());
    await device.until("offline");
    expect(await device.reason(/authorization|revoked|refuses the credentials/i)).toBeTypeOf("string");
  });
});
