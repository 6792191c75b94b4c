// Contract: a copy of an enrolled device works on, and stays away from the hub until it is enrolled itself.

import { connect } from "@nats-io/transport-node";
import { describe, test } from "vitest";
import { saveIdentity } from "../../src/lib/identity-record.ts";
import { readIdentity } from "../../src/lib/identity.ts";
import { petiole, startAgent } from "../support/agent.ts";
import { enrolWhenAnswered, startFleet } from "../support/fleet.ts";
import { startNats, type TestNats } from "../support/nats.ts";
import { freePort } from "../support/ports.ts";
import { tempFolder } from "../support/processes.ts";
import { skipping } from "../support/skip.ts";
import { waitFor } from "../support/wait-for.ts";

const here = await readIdentity();
const elsewhere = {
  machine: `sha256:${"1".repeat(64)}`,
  serial: here.serial === undefined ? undefined : { ...here.serial, digest: `sha256:${"2".repeat(64)}` },
};
const isNameless = here.machine === undefined && here.serial === undefined;
const fast = { poll_interval: "200ms", echo_interval: "1s", echo_timeout: "2s" };

const leafNodesOf = async (hub: TestNats): Promise<number> => (await varz(hub)).leafnodes;
const connectionsOf = async (hub: TestNats): Promise<number> => (await varz(hub)).connections;

async function varz({ monitorPort }: TestNats): Promise<{ readonly connections: number; readonly leafnodes: number }> {
  const answer = await fetch(`http://127.0.0.1:${monitorPort}/varz`);
  return (await answer.json()) as { connections: number; leafnodes: number };
}

describe.skipIf(skipping(isNameless, "clones", "this machine has neither a machine id nor a serial"))("a clone", () => {
  test("keeps its local clients and is no leaf node of the hub, until it is enrolled", async ({ expect }) => {
    await using rig = await startFleet({ mode: "leaf" });
    await using _serving = rig.serve();
    const stateDir = await rig.stateDir("gw-1");
    await enrolWhenAnswered({ stateDir, device: "gw-1", token: rig.token({ device: "gw-1" }) });
    await saveIdentity(stateDir, elsewhere);
    const [listen, monitor] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
    await using agent = await startAgent(
      { hub: { urls: [rig.nats.leafUrl], domain: "hub", enrolled: true, ...fast }, leaf: { listen, monitor } },
      { stateDir },
    );
    const local = await waitFor("the local server", async () => await connect({ servers: `nats://${listen}` }));
    await local.flush();
    await local.close();
    const { hub: link, notices, enrolment } = await agent.status();
    const reason = expect.stringMatching(/^ERR_IDENTITY_MISMATCH: /);
    expect(link).toMatchObject({ link: "offline", mode: "leaf", reason });
    expect(notices).toMatchObject([{ code: "ERR_IDENTITY_MISMATCH" }]);
    expect(enrolment).toBeUndefined();
    expect((await petiole("status", "--socket", agent.socket)).stdout).toContain("attention: ERR_IDENTITY_MISMATCH: ");
    expect(await leafNodesOf(rig.nats)).toBe(0);

    const token = rig.token({ device: "gw-1", replaces: true });
    const enrolled = await petiole("enrol", "--config", agent.configFile, "--force", "--token", token);
    expect(enrolled).toMatchObject({ code: 0 });
    await agent.stop("SIGTERM");
    await agent.start();
    await waitFor("the link", async () => (await agent.status()).hub.link === "online", 60_000);
    expect((await agent.status()).notices).toEqual([]);
    expect(await leafNodesOf(rig.nats)).toBe(1);
  });

  test("does not connect in direct mode, unless nothing is compared", async ({ expect }) => {
    await using hub = await startNats({ jetstream: true });
    await using state = await tempFolder();
    await saveIdentity(state.path, elsewhere);
    const direct = { hub: { mode: "direct", urls: [hub.url], ...fast } };
    {
      await using agent = await startAgent(direct, { stateDir: state.path });
      expect((await agent.status()).hub).toMatchObject({
        link: "offline",
        mode: "direct",
        reason: expect.stringContaining("ERR_IDENTITY_MISMATCH"),
      });
      const published = await petiole("outbox", "publish", "a.b", "--file", agent.configFile, "--socket", agent.socket);
      expect(published.code).toBe(0);
      expect(await connectionsOf(hub)).toBe(0);
    }
    const device = { id: "gw-1", identity_check: "off" };
    await using agent = await startAgent({ ...direct, device }, { stateDir: state.path });
    await waitFor("the link", async () => (await agent.status()).hub.link === "online");
  });
});
