// Contract: what the agent tells the service manager that started it. It is ready when the store is open and what is
// wanted was restored, with the hub out of reach; it shows that it lives while it works, and not when its store hangs.

import { existsSync } from "node:fs";
import { describe, test } from "vitest";
import { askAgent } from "../../src/adapters/control/client.ts";
import { minutes, seconds, type Millis } from "../../src/domain/units.ts";
import { deviceAddonPath } from "../../src/lib/device-io.ts";
import { fixtureComponent, petiole, startAgent } from "../support/agent.ts";
import { hasPython, receiveDatagrams, type DatagramReceiver } from "../support/datagrams.ts";
import { buildFaultShim, createFaults } from "../support/fault-shim.ts";
import { freePort } from "../support/ports.ts";
import { skipping } from "../support/skip.ts";
import { waitFor } from "../support/wait-for.ts";

const lacks = !existsSync(deviceAddonPath()) ? "the add-on of npm run build:native" : hasPython() ? "" : "python3";
const mayNot = skipping(lacks !== "", "the agent as a service", `found no ${lacks}`);
const shim = buildFaultShim();
const noFaults = skipping("missing" in shim, "a store that hangs", "missing" in shim ? shim.missing : "");

const PERIOD = seconds(2);

const told = (receiver: DatagramReceiver): string[] => receiver.received().map(String);
const signs = (receiver: DatagramReceiver): number =>
  told(receiver).filter((text) => text.split("\n").includes("WATCHDOG=1")).length;
const envOf = (receiver: DatagramReceiver, period: Millis): Record<string, string> => ({
  NOTIFY_SOCKET: receiver.address,
  WATCHDOG_USEC: String(period * 1000),
  // That of nobody here would be another process's.
  WATCHDOG_PID: "",
});

describe.skipIf(mayNot)("an agent that a service manager started", () => {
  test("says when it is ready, that it lives, and that it stops; no hub is waited for", async ({ expect }) => {
    await using receiver = await receiveDatagrams();
    await using agent = await startAgent(
      {
        hub: { mode: "direct", urls: [`nats://127.0.0.1:${await freePort()}`] },
        components: { wasi: { file: fixtureComponent("wasi") } },
      },
      { env: envOf(receiver, PERIOD) },
    );
    await waitFor("three signs of life", () => signs(receiver) >= 3);
    const ready = told(receiver).filter((text) => text.startsWith("READY=1"));
    expect(ready).toEqual(["READY=1\nSTATUS=hub offline, 1 of 1 components and 0 of 0 providers run"]);
    expect(told(receiver).findIndex((text) => text.startsWith("READY=1"))).toBeLessThan(
      told(receiver).findIndex((text) => text.startsWith("WATCHDOG=1")),
    );
    const { service } = await agent.status();
    expect(service?.watchdog).toMatchObject({ period: PERIOD });
    expect(service?.memory.anonymous).toBeGreaterThan(1024 ** 2);
    const top = await petiole("top", "--once", "--json", "--socket", agent.socket);
    expect(JSON.parse(top.stdout)).toMatchObject({ device: "gw-1", components: [{ id: "wasi", state: "running" }] });
    const { stdout } = await petiole("metrics", "--socket", agent.socket);
    expect(stdout).toContain(`petiole_watchdog_period_seconds ${PERIOD / 1000}`);
    expect(await agent.stop("SIGTERM")).toBe(0);
    await waitFor("the end to be told", () => told(receiver).some((text) => text.startsWith("STOPPING=1")));
  });

  test.skipIf(noFaults)("shows no life while its store hangs in a flush", async ({ expect }) => {
    await using faults = await createFaults();
    await using receiver = await receiveDatagrams("abstract");
    await using agent = await startAgent(
      {},
      { env: { ...faults.env, ...envOf(receiver, PERIOD) }, stateDir: faults.dir },
    );
    await waitFor("a sign of life", () => signs(receiver) >= 2);
    await faults.delaySyncs(minutes(60));
    const { syncsFinished } = await faults.counts();
    const publishing = askAgent(agent.socket, "outbox-publish", {
      params: { lane: "critical", subject: "alarms.boiler", body: "aG90" },
      timeout: minutes(2),
    });
    await waitFor("the watchdog to go hungry, for the store alone", async () => {
      const watchdog = (await agent.status()).service?.watchdog;
      return watchdog !== undefined && watchdog.fedAgo > PERIOD && watchdog.late.join() === "store";
    });
    const before = signs(receiver);
    await waitFor("the warning", () => agent.output().includes("The watchdog is not fed"));
    await waitFor("another period", async () => ((await agent.status()).service?.watchdog?.fedAgo ?? 0) > 2 * PERIOD);
    expect(signs(receiver)).toBe(before);
    expect((await faults.counts()).syncsFinished).toBe(syncsFinished);
    await faults.delaySyncs(seconds(0));
    await publishing;
    await waitFor("signs of life again", () => signs(receiver) > before);
    expect(await agent.stop("SIGTERM")).toBe(0);
  });
});
