// Enrolment against a real hub in operator mode: who gets in, who does not, and that a token is spent once whatever
// happens on the way.

import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { connect, credsAuthenticator, jwtAuthenticator, type NatsConnection } from "@nats-io/transport-node";
import { describe, test } from "vitest";
import { enrolDevice, type EnrolOptions } from "../../../src/enrolment/enrol.ts";
import { readValidity } from "../../../src/enrolment/credentials.ts";
import { formatToken, parseToken } from "../../../src/enrolment/token.ts";
import { isPetioleError, type ErrorCode } from "../../../src/domain/errors.ts";
import { pushAccount, setProfile } from "../../../src/fleet/account.ts";
import { NAME_PLACEHOLDER } from "../../../src/fleet/claims.ts";
import { createFleet } from "../../../src/fleet/folder.ts";
import { issueToken } from "../../../src/fleet/tokens.ts";
import { credentialsFile, enrolmentFolder } from "../../../src/lib/enrolment-folder.ts";
import { enrolWhenAnswered, startFleet, unixNow } from "../../support/fleet.ts";
import { serverVersions } from "../../support/nats.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import { waitFor } from "../../support/wait-for.ts";

async function failure(options: EnrolOptions): Promise<{ code: ErrorCode | undefined; message: string }> {
  const error: unknown = await enrolWhenAnswered(options).then(
    () => undefined,
    (error: unknown) => error,
  );
  return { code: isPetioleError(error) ? error.code : undefined, message: String(error) };
}

async function logIn(url: string, stateDir: string, device: string): Promise<NatsConnection> {
  const authenticator = credsAuthenticator(await readFile(credentialsFile(stateDir)));
  return await connect({ servers: url, authenticator, inboxPrefix: `_INBOX.${device}`, reconnect: false });
}

describe.each(await serverVersions())("with nats-server $name", ({ binary, skip }) => {
  const only = skip === undefined ? test : test.skip;

  only(
    "a device enrols, may do what its profile says, and is shut out by a revocation for good",
    async ({ expect }) => {
      await using rig = await startFleet({ binary });
      await using _serving = rig.serve();
      const stateDir = await rig.stateDir("gw-1");
      const token = rig.token({ device: "gw-1", labels: { site: "north" } });
      const result = await enrolWhenAnswered({ stateDir, device: "gw-1", token });
      expect(result).toMatchObject({ name: "gw-1", fleet: rig.fleet.keys.account.publicKey, already: false });
      expect(await enrolDevice({ stateDir, device: "gw-1", token })).toEqual({ ...result, already: true });

      const files = await readdir(enrolmentFolder(stateDir));
      expect(files.sort()).toEqual(["device.creds", "enrolment.json", "identity.json"]);
      for (const file of files) expect((await stat(join(enrolmentFolder(stateDir), file))).mode & 0o777).toBe(0o600);
      expect(await readValidity(credentialsFile(stateDir))).toMatchObject({ name: "gw-1", publicKey: result.key });

      const connection = await logIn(rig.nats.url, stateDir, "gw-1");
      expect((await connection.request("$JS.API.INFO")).string()).toContain("account_info_response");
      const refused: string[] = [];
      void (async () => {
        for await (const status of connection.status()) if (status.type === "error") refused.push(String(status.error));
      })();
      for (const subject of ["petiole.gw-1.standard.a", "petiole.gw-2.standard.a", "petiole-fleet.enrol.X"]) {
        connection.publish(subject);
      }
      connection.subscribe("_INBOX.>");
      await connection.flush();
      await waitFor("the hub's complaints", () => refused.length >= 3);
      expect(refused.join()).not.toContain("gw-1.standard");
      expect(refused.join()).toMatch(/petiole\.gw-2\.standard\.a.*petiole-fleet\.enrol\.X/s);

      rig.fleet.registry.transaction(() => rig.fleet.registry.revokeDevice("gw-1", unixNow()));
      await pushAccount(rig.fleet, unixNow());
      await connection.closed();
      await expect(logIn(rig.nats.url, stateDir, "gw-1")).rejects.toThrow(/authorization/i);
      await rig.nats.restart();
      await expect(logIn(rig.nats.url, stateDir, "gw-1")).rejects.toThrow(/authorization/i);
    },
  );

  only("tokens that are wrong in some way are refused, and say in which", async ({ expect }) => {
    await using rig = await startFleet({ binary });
    await using _serving = rig.serve();
    const stateDir = await rig.stateDir("gw-1");
    const attempt = async (token: string, device = "gw-1") => await failure({ stateDir, device, token });

    const refused = (refusal: string) => ({
      code: "ERR_ENROL_REFUSED",
      message: expect.stringContaining(`(${refusal})`) as unknown,
    });
    expect(await attempt(rig.token({ lifetime: -60 }))).toEqual(refused("token-expired"));
    expect(await attempt(rig.token({ device: "gw-9" }))).toEqual(refused("name-mismatch"));
    const withdrawn = rig.token();
    rig.fleet.registry.withdrawToken(parseToken(withdrawn).publicKey, unixNow());
    expect(await attempt(withdrawn)).toEqual(refused("token-withdrawn"));

    // Of another fleet, at this hub.
    await using other = await startFleet({ binary });
    const foreign = parseToken(other.token());
    const atOurs = formatToken({ ...foreign, urls: [rig.nats.url] });
    expect(await attempt(atOurs)).toMatchObject({ code: "ERR_ENROL_REFUSED" });
    expect((await attempt("petiole1~abc")).code).toBe("ERR_ENROL_TOKEN");
    // The better part of it is changed.
    expect((await attempt(rig.token().slice(0, -3))).code).toBe("ERR_ENROL_TOKEN");
    // Nothing of all this was enrolled.
    expect(rig.fleet.registry.devices()).toEqual([]);

    const good = rig.token();
    await enrolWhenAnswered({ stateDir, device: "gw-1", token: good });
    const second = await rig.stateDir("gw-2");
    expect(await failure({ stateDir: second, device: "gw-2", token: good })).toEqual(refused("token-spent"));
    expect(await failure({ stateDir: second, device: "gw-1", token: rig.token() })).toEqual(refused("name-taken"));
    expect((await attempt(rig.token())).code).toBe("ERR_ENROL_EXISTS");
  });
});

test("nobody answers while the fleet does not serve, and what was asked then counts later", async ({ expect }) => {
  await using rig = await startFleet();
  const stateDir = await rig.stateDir("gw-1");
  const token = rig.token();
  const options = { stateDir, device: "gw-1", token };
  await expect(enrolDevice(options)).rejects.toMatchObject({ code: "ERR_ENROL_UNREACHABLE", retryable: true });
  const asked = await readFile(join(enrolmentFolder(stateDir), "request.json"), "utf8");
  await using _serving = rig.serve();
  const { key } = await enrolWhenAnswered(options);
  expect(asked).toContain(key);
});

test("a token is for one device when two use it at the same time", async ({ expect }) => {
  await using rig = await startFleet();
  // Two services share the work, on one registry.
  await using _first = rig.serve();
  await using _second = rig.serve();
  const token = rig.token();
  const names = ["gw-1", "gw-2", "gw-3", "gw-4"];
  const outcomes = await Promise.allSettled(
    names.map(async (device) => await enrolWhenAnswered({ stateDir: await rig.stateDir(device), device, token })),
  );
  const won = outcomes.filter(({ status }) => status === "fulfilled");
  expect(won).toHaveLength(1);
  for (const outcome of outcomes) {
    if (outcome.status === "rejected") expect(String(outcome.reason)).toContain("token-spent");
  }
  expect(rig.fleet.registry.devices()).toHaveLength(1);
});

test("a device whose answer is lost asks again and is the same device", async ({ expect }) => {
  await using rig = await startFleet();
  await using _serving = rig.serve();
  await using proxy = await startTcpProxy({ port: rig.nats.port });
  const stateDir = await rig.stateDir("gw-1");
  const whole = parseToken(rig.token());
  const token = formatToken({ ...whole, urls: [`nats://127.0.0.1:${proxy.port}`] });
  const options = { stateDir, device: "gw-1", token };
  // The fleet has written it down; the way back is cut before the device hears of it.
  const stop = new AbortController();
  const asking = enrolDevice({ ...options, signal: stop.signal }).catch((error: unknown) => error);
  await waitFor("the fleet to know the device", () => {
    if (rig.fleet.registry.device("gw-1") === undefined) return false;
    proxy.cut();
    stop.abort();
    return true;
  });
  await asking;
  proxy.mend();
  const { key } = await enrolWhenAnswered(options);
  expect(rig.fleet.registry.device("gw-1")).toMatchObject({ key, token: whole.publicKey });
  expect(rig.fleet.registry.token(whole.publicKey)?.used).toBe(1);
});

test("a token with --replace takes the place of a device, which is shut out", async ({ expect }) => {
  await using rig = await startFleet();
  await using _serving = rig.serve();
  const [before, after] = [await rig.stateDir("old"), await rig.stateDir("new")];
  await enrolWhenAnswered({ stateDir: before, device: "gw-1", token: rig.token() });
  const connection = await logIn(rig.nats.url, before, "gw-1");
  await enrolWhenAnswered({ stateDir: after, device: "gw-1", token: rig.token({ replaces: true }) });
  await connection.closed();
  const second = await logIn(rig.nats.url, after, "gw-1");
  await second.close();
});

test("a refused attempt to enrol anew leaves the enrolment that the device has", async ({ expect }) => {
  await using rig = await startFleet();
  await using _serving = rig.serve();
  const stateDir = await rig.stateDir("gw-1");
  await enrolWhenAnswered({ stateDir, device: "gw-1", token: rig.token() });
  const kept = await readFile(credentialsFile(stateDir), "utf8");
  const spent = rig.token({ device: "gw-7" });
  expect((await failure({ stateDir, device: "gw-1", token: spent, force: true })).message).toContain("name-mismatch");
  expect(await readFile(credentialsFile(stateDir), "utf8")).toBe(kept);
});

test("garbage on the fleet's subjects is refused, and the next device is answered", async ({ expect }) => {
  await using rig = await startFleet();
  await using _serving = rig.serve();
  const stateDir = await rig.stateDir("gw-1");
  const { publicKey, jwt, seed } = parseToken(rig.token());
  const connection = await connect({
    servers: rig.nats.url,
    authenticator: jwtAuthenticator(jwt, new TextEncoder().encode(seed)),
    inboxPrefix: `_INBOX.petiole-fleet.${publicKey}`,
    reconnect: false,
  });
  const subject = `petiole-fleet.enrol.${publicKey}`;
  const bodies = [
    "",
    "{",
    "null",
    '{"payload":"{}","signatures":{}}',
    JSON.stringify({ payload: "x".repeat(9000) }),
    "\0\xff",
  ];
  for (const body of bodies) {
    const answer = await waitFor("an answer", async () => (await connection.request(subject, body)).string());
    expect(JSON.parse(answer)).toMatchObject({ ok: false, refusal: "malformed", retryable: false });
  }
  await connection.close();
  await enrolWhenAnswered({ stateDir, device: "gw-1", token: rig.token() });
});

test("a hub that has an operator already takes the account of a fleet, and changes of its profiles at once", async ({
  expect,
}) => {
  await using rig = await startFleet();
  const settings = { name: "SECOND", urls: [rig.nats.url], lifetime: 3600 };
  const { operator, system } = rig.fleet.keys;
  const seeds = { operatorSeed: operator.seed, systemSeed: system.seed };
  const folder = join(rig.folder, "second");
  using second = await createFleet(folder, { ...settings, ...seeds });
  await expect(createFleet(folder, settings)).rejects.toThrow(/there is one already/);
  const subjects = (...publish: string[]) => ({ publish, subscribe: [`_INBOX.${NAME_PLACEHOLDER}.>`] });
  setProfile(second, "default", subjects(`petiole.${NAME_PLACEHOLDER}.>`));
  await pushAccount(second, unixNow());
  await using _serving = rig.serve(second);
  const stateDir = await rig.stateDir("gw-1");
  const wanted = { profile: "default", lifetime: 600, uses: 1, replaces: false, labels: {} };
  const { token } = issueToken(second, wanted, unixNow());
  const { fleet } = await enrolWhenAnswered({ stateDir, device: "gw-1", token });
  expect(fleet).toBe(second.keys.account.publicKey);

  const connection = await logIn(rig.nats.url, stateDir, "gw-1");
  expect(setProfile(second, "default", subjects("other.>"))).toBe(true);
  await pushAccount(second, unixNow());
  // The hub makes its connections anew with what they may do now.
  await connection.closed();
  const later = await logIn(rig.nats.url, stateDir, "gw-1");
  const errors: string[] = [];
  void (async () => {
    for await (const status of later.status()) if (status.type === "error") errors.push(String(status.error));
  })();
  later.publish("other.a");
  later.publish("petiole.gw-1.standard.a");
  await later.flush();
  await waitFor("the hub's complaint", () => errors.length > 0);
  expect(errors.join()).toMatch(/petiole\.gw-1\.standard\.a/);
  expect(errors.join()).not.toContain("other.a");
  await later.close();
});
