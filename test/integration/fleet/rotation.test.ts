// What the agent does about its credentials at a real hub: new ones without a message lost, a way back when they are
// refused or have expired, and word of it when the device is revoked.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, jwtAuthenticator, type NatsConnection } from "@nats-io/transport-node";
import { describe, test } from "vitest";
import { millis, seconds, type Millis } from "../../../src/domain/units.ts";
import { keepEnrolment, type EnrolmentKeeper } from "../../../src/enrolment/keep.ts";
import { createKey } from "../../../src/enrolment/keys.ts";
import { readEnrolment, saveEnrolment, type Enrolment } from "../../../src/enrolment/record.ts";
import { pushAccount } from "../../../src/fleet/account.ts";
import { adminToken } from "../../../src/fleet/claims.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { credentialsFile } from "../../../src/lib/enrolment-folder.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { startDevice, type Device } from "../../support/device.ts";
import { enrolWhenAnswered, startFleet, unixNow, type FleetRig } from "../../support/fleet.ts";
import { serverVersions } from "../../support/nats.ts";
import { waitFor } from "../../support/wait-for.ts";

const NAME = "press-7";
const PACE = {
  tick: millis(100),
  patience: { refused: millis(300), trial: seconds(8) },
  backoff: { initial: millis(100), max: millis(500) },
};

interface Setup {
  readonly rig: FleetRig;
  readonly mode: "leaf" | "direct";
  readonly binary?: string;
}

/** An agent's link that uses the credentials of an enrolment. */
async function startLink({ rig, mode, binary }: Setup): Promise<Device & { readonly stateDir: string }> {
  const urls = [mode === "leaf" ? rig.nats.leafUrl : rig.nats.url];
  const hub = { mode, domain: "hub", urls, enrolled: true, stream: { create: true } };
  const device = await startDevice({ hub, ...(binary === undefined ? {} : { binary }) });
  return { ...device, stateDir: join(device.folder, "state") };
}

const wallTime = (): Millis => systemClock.wall();

function keep(device: Device, time: () => Millis | undefined = wallTime, pace = PACE): EnrolmentKeeper {
  const { path } = device.hub;
  if (path === undefined) throw new Error("the device has no hub");
  return keepEnrolment({
    stateDir: join(device.folder, "state"),
    device: NAME,
    tls: undefined,
    connection: path.connection,
    link: () => device.hub.state(),
    onLinkChange: (listener) => path.monitor.onChange(listener),
    time,
    clock: systemClock,
    log: silentLogger,
    pace,
  });
}

const recordOf = async (stateDir: string): Promise<Enrolment> => {
  const record = await readEnrolment(stateDir);
  if (record === undefined) throw new Error("the device is not enrolled");
  return record;
};

async function asAdmin({ fleet, nats }: FleetRig): Promise<NatsConnection> {
  const { publicKey, seed } = createKey("user");
  const jwt = adminToken(fleet.keys.account, publicKey, unixNow());
  return await connect({ servers: nats.url, authenticator: jwtAuthenticator(jwt, new TextEncoder().encode(seed)) });
}

const MODES = ["leaf", "direct"] as const;
const setups = (await serverVersions()).flatMap((server) =>
  // The older server makes a difference where the device runs it itself.
  MODES.filter((mode) => server.name === "current" || mode === "leaf").map((mode) => ({ ...server, mode })),
);

describe.each(setups)("a $mode link to nats-server $name", ({ binary, mode, skip }) => {
  const only = skip === undefined ? test : test.skip;

  only(
    "comes up when the device enrols, changes its keys under load without a loss, and goes down when revoked",
    async ({ expect }) => {
      await using rig = await startFleet({ binary, mode });
      await using _serving = rig.serve();
      await using device = await startLink({ rig, mode, binary });
      const { stateDir } = device;
      // Local clients are served before there are credentials.
      await waitFor("the local server", async () => mode === "direct" || (await fetch(device.monitorUrl)).ok);
      await using keeper = keep(device);
      await expect(keeper.renew()).rejects.toMatchObject({ code: "ERR_ENROL_STATE" });
      await enrolWhenAnswered({ stateDir, device: NAME, token: rig.token() });
      await device.until("online");

      const before = await recordOf(stateDir);
      let sent = 0;
      let last = 0;
      const load = setInterval(() => (last = device.source.add("critical", `readings.${++sent}`)), 5);
      const renewed = await keeper.renew();
      clearInterval(load);
      const after = await recordOf(stateDir);
      expect(after).not.toHaveProperty("next");
      expect(after.current.key.publicKey).toBe(renewed.key);
      expect(after.current.key.publicKey).not.toBe(before.current.key.publicKey);
      expect(await readFile(credentialsFile(stateDir), "utf8")).toContain(after.current.jwt);
      expect(rig.fleet.registry.device(NAME)).toMatchObject({ key: renewed.key, next_key: null, revoked: null });

      await waitFor("every acknowledgement", () => device.source.acknowledgedNow("critical") === last, 60_000);
      const admin = await asAdmin(rig);
      const { state } = await (await jetstreamManager(admin)).streams.info("PETIOLE");
      await admin.close();
      expect(state.messages).toBe(sent);

      rig.fleet.registry.transaction(() => rig.fleet.registry.revokeDevice(NAME, unixNow()));
      await pushAccount(rig.fleet, unixNow());
      await device.until("offline");
      // The link says that the hub refuses it; the way around the link, why.
      const { problem } = await waitFor("word of the revocation", () => {
        const status = keeper.status();
        return status?.problem?.code === "ERR_ENROL_REFUSED" && status;
      });
      expect(problem?.message).toMatch(/revoked/);
    },
  );
});

test("credentials that have expired are renewed by the way around the link", async ({ expect }) => {
  await using rig = await startFleet({ lifetime: 2 });
  await using device = await startLink({ rig, mode: "direct" });
  {
    await using _serving = rig.serve();
    await enrolWhenAnswered({ stateDir: device.stateDir, device: NAME, token: rig.token() });
  }
  const { current } = await recordOf(device.stateDir);
  // Nobody renewed them in time.
  await waitFor("the end of the credentials", () => (rig.fleet.registry.device(NAME)?.expires ?? 0) < unixNow());
  expect(await device.reason(/expired|authorization|refuses the credentials/i)).toBeTypeOf("string");
  const lasting = { ...rig.fleet, settings: { ...rig.fleet.settings, lifetime: 3600 } };
  await using _serving = rig.serve(lasting);
  // It does not even know what time it is.
  await using keeper = keep(device, () => undefined);
  await device.until("online");
  await waitFor("the new key to count", () => keeper.status()?.trying === false);
  const key = rig.fleet.registry.device(NAME)?.key;
  expect(key).not.toBe(current.key.publicKey);
  expect((await recordOf(device.stateDir)).current.key.publicKey).toBe(key);
});

test("new credentials that the hub refuses give way to those from before", async ({ expect }) => {
  await using rig = await startFleet();
  await using other = await startFleet();
  await using _serving = rig.serve();
  await using _others = other.serve();
  await using device = await startLink({ rig, mode: "direct" });
  const elsewhere = await other.stateDir("elsewhere");
  await enrolWhenAnswered({ stateDir: elsewhere, device: NAME, token: other.token() });
  await enrolWhenAnswered({ stateDir: device.stateDir, device: NAME, token: rig.token() });
  const good = await recordOf(device.stateDir);
  const { current: strange } = await recordOf(elsewhere);
  await saveEnrolment(device.stateDir, { ...good, next: strange });
  expect(await device.reason(/authorization|refuses the credentials/i)).toBeTypeOf("string");
  // Longer than going back takes: the way around the link would help as well.
  const patience = { refused: seconds(60), trial: seconds(1) };
  await using keeper = keep(device, wallTime, { ...PACE, patience });
  await device.until("online");
  expect((await recordOf(device.stateDir)).next).toBeUndefined();
  expect(keeper.status()?.key).toBe(good.current.key.publicKey);
});

test("a change goes on after the agent ended in the middle of it, and a copy of the device is told", async ({
  expect,
}) => {
  await using rig = await startFleet();
  await using _serving = rig.serve();
  await using device = await startLink({ rig, mode: "direct" });
  const { stateDir } = device;
  const { key, expires } = await enrolWhenAnswered({ stateDir, device: NAME, token: rig.token() });
  const copy = await recordOf(stateDir);
  await device.until("online");
  {
    let now: Millis | undefined;
    await using keeper = keep(device, () => now);
    expect(await waitFor("the status", () => keeper.status())).toMatchObject({ key, expires, problem: undefined });
    // A minute before the end. The agent ends before the new credentials were seen to open the link.
    now = millis((expires ?? 0) - 60_000);
    await waitFor("new credentials", async () => activeKey(await recordOf(stateDir)) !== key);
  }
  const next = activeKey(await recordOf(stateDir));
  await using keeper = keep(device);
  await waitFor("the new key to count", () => keeper.status()?.trying === false);
  expect((await recordOf(stateDir)).current.key.publicKey).toBe(next);
  expect(rig.fleet.registry.device(NAME)).toMatchObject({ key: next, next_key: null });

  await saveEnrolment(stateDir, copy);
  const refused = await waitFor("the refusal", async () => {
    const error: unknown = await keeper.renew().catch((error: unknown) => error);
    return String(error).includes("superseded") && error;
  });
  expect(refused).toMatchObject({ code: "ERR_ENROL_REFUSED" });
});

const activeKey = ({ next, current }: Enrolment): string => (next ?? current).key.publicKey;
