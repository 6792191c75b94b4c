// Contract: a device that boots in 1970 works, and says that its clock cannot be trusted; what it sent meanwhile is
// marked, what waits gets its right time, and the hub is reached as soon as its certificate is valid. The clock of the
// agent's process is moved below its C library.

import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { describe, test } from "vitest";
import { askAgent } from "../../src/adapters/control/client.ts";
import { days, millis } from "../../src/domain/units.ts";
import { petiole, startAgent, type TestAgent } from "../support/agent.ts";
import { createAuthority } from "../support/certificates.ts";
import { buildFaultShim, createFaults } from "../support/fault-shim.ts";
import { startNats } from "../support/nats.ts";
import { tempFolder } from "../support/processes.ts";
import { skipping } from "../support/skip.ts";
import { storedMessages } from "../support/stored-messages.ts";
import { waitFor } from "../support/wait-for.ts";

const shim = buildFaultShim();
const mayNot = skipping("missing" in shim, "the agent with a wrong clock", "missing" in shim ? shim.missing : "");

const publish = async (agent: TestAgent, subject: string): Promise<void> => {
  await askAgent(agent.socket, "outbox-publish", { params: { lane: "critical", subject, body: "" } });
};

interface Stamps {
  readonly wall: number;
  readonly clock: string | undefined;
  readonly boot: string | undefined;
}

/** Of the messages that the hub has, by subject. */
async function stampsAt(hub: { url: string; ca?: string }): Promise<Readonly<Record<string, Stamps>>> {
  const connection = await connect({ servers: hub.url, ...(hub.ca === undefined ? {} : { tls: { caFile: hub.ca } }) });
  try {
    const manager = await jetstreamManager(connection);
    const found: Record<string, Stamps> = {};
    for (const message of await storedMessages(manager)) {
      const header = (name: string): string | undefined => message.header.get(name) || undefined;
      const stamps = {
        wall: Number(header("Petiole-Wall")),
        clock: header("Petiole-Clock"),
        boot: header("Petiole-Boot"),
      };
      found[message.subject.replace("petiole.gw-1.critical.", "")] = stamps;
    }
    return found;
  } finally {
    await connection.close();
  }
}

const hubOf = (urls: readonly string[], more: Readonly<Record<string, unknown>> = {}) => ({
  hub: { mode: "direct", urls, stream: { create: true }, poll_interval: "100ms", ...more },
  outbox: { drain: { jitter: "1ms" } },
});

describe.skipIf(mayNot)("an agent whose clock starts in 1970", () => {
  test("marks what it sends, and is right as soon as the clock is", async ({ expect }) => {
    await using faults = await createFaults();
    await using hub = await startNats({ jetstream: true });
    await faults.moveClock(millis(-Date.now()));
    await using agent = await startAgent(hubOf([hub.url]), { env: faults.env, stateDir: faults.dir });
    await publish(agent, "early");
    await waitFor("the message at the hub", async () => (await stampsAt(hub))["early"]);
    const early = (await stampsAt(hub))["early"];
    expect(early).toMatchObject({ clock: "unsynced", boot: expect.stringMatching(/^[0-9a-f-]{36}$/) as string });
    expect(early?.wall).toBeLessThan(days(1));
    const { clock } = await agent.status();
    expect(clock).toMatchObject({ state: "wrong", reason: expect.stringMatching(/shows 1970-01-01/) as string });
    expect(clock.hubOffset).toBeGreaterThan(days(365));
    expect((await petiole("status", "--socket", agent.socket)).stdout).toMatch(
      /clock: 1970-01-01T.*, WRONG: it shows 1970-01-01, before this release of .*, the hub's is [\d.]+ s ahead/,
    );

    // Set, but to a wrong day.
    await faults.moveClock(days(40));
    expect((await agent.status()).clock).toMatchObject({ state: "wrong", reason: "the hub's clock is 40 days behind" });
    await faults.moveClock(millis(0));
    const before = Date.now();
    expect((await agent.status()).clock).toMatchObject({ state: "synced", by: "hub" });
    await publish(agent, "later");
    const later = await waitFor("the next one", async () => (await stampsAt(hub))["later"]);
    expect(later).toMatchObject({ clock: undefined, boot: early?.boot });
    expect(later.wall).toBeGreaterThanOrEqual(before);
    expect(agent.output()).toMatch(/The clock is synced/);

    // The agent alone begins anew, without the hub: nobody has set the clock since.
    expect(await agent.stop("SIGTERM")).toBe(0);
    await hub.kill();
    await agent.start();
    const again = (await agent.status()).clock;
    expect(again).toMatchObject({ state: "synced", by: "hub" });
    expect(again.hubOffset).toBe(undefined);
    // And with another time it is not the clock that was confirmed.
    expect(await agent.stop("SIGTERM")).toBe(0);
    await faults.moveClock(days(-2));
    await agent.start();
    const { state } = (await agent.status()).clock;
    expect(["unsynced", "wrong"]).toContain(state);
  });

  test("waits for a hub with TLS, and sends what it kept with the right time", async ({ expect }) => {
    await using faults = await createFaults();
    await using folder = await tempFolder();
    const authority = await createAuthority(folder.path);
    const { cert, key } = await authority.server("hub");
    await using hub = await startNats({ jetstream: true, config: `tls { cert_file: "${cert}", key_file: "${key}" }` });
    const url = `tls://127.0.0.1:${hub.port}`;
    await faults.moveClock(millis(-Date.now()));
    const config = hubOf([url], { tls: { ca_file: authority.ca } });
    await using agent = await startAgent(config, { env: faults.env, stateDir: faults.dir });
    const before = Date.now();
    await publish(agent, "kept");
    await waitFor("the refusal", async () => /not yet valid/.test((await agent.status()).hub.reason ?? ""));
    expect((await agent.status()).outbox.clock).toBe("unsynced");
    await faults.moveClock(millis(0));
    const kept = await waitFor(
      "the message at the hub",
      async () => {
        // Asking has the agent look at its clock, as whatever publishes does.
        await agent.status();
        return (await stampsAt({ url, ca: authority.ca }))["kept"];
      },
      60_000,
    );
    expect(kept.clock).toBe(undefined);
    expect(kept.wall).toBeGreaterThanOrEqual(before - 1000);
    expect(kept.wall).toBeLessThanOrEqual(Date.now());
    expect((await agent.status()).clock).toMatchObject({ state: "synced", by: "hub" });
  });
});
