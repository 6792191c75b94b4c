import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { permissionsOf } from "../../src/daemon/hub-permissions.ts";
import { parseConfig } from "../../src/config/parse.ts";
import { enrolDevice, type EnrolOptions, type EnrolResult } from "../../src/enrolment/enrol.ts";
import { setProfile } from "../../src/fleet/account.ts";
import { NAME_PLACEHOLDER } from "../../src/fleet/claims.ts";
import { createFleet, type Fleet } from "../../src/fleet/folder.ts";
import { hubConfig } from "../../src/fleet/hub-config.ts";
import { serveFleet } from "../../src/fleet/serve.ts";
import { issueToken, type NewToken } from "../../src/fleet/tokens.ts";
import { isPetioleError } from "../../src/domain/errors.ts";
import { millis } from "../../src/domain/units.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { startNats, type TestNats } from "./nats.ts";
import { freePort } from "./ports.ts";
import { tempFolder } from "./processes.ts";
import { waitFor } from "./wait-for.ts";

export interface FleetRig extends AsyncDisposable {
  readonly fleet: Fleet;
  /** A hub in operator mode, with the fleet's account. */
  readonly nats: TestNats;
  readonly folder: string;
  token(wanted?: Partial<NewToken>): string;
  /** A state folder of a device of its own. */
  stateDir(name: string): Promise<string>;
  /** Answers devices until it is disposed. */
  serve(fleet?: Fleet): AsyncDisposable;
}

export interface FleetRigOptions {
  readonly binary?: string;
  /** Seconds. */
  readonly lifetime?: number;
  readonly mode?: "leaf" | "direct";
}

export const unixNow = (): number => Math.floor(Date.now() / 1000);

/** A fleet whose hub runs, and whose devices have what an outbox of a stream that they may make needs. */
export async function startFleet({
  binary,
  lifetime = 3600,
  mode = "direct",
}: FleetRigOptions = {}): Promise<FleetRig> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const port = await freePort();
  const settings = { name: "FLEET", urls: [`nats://127.0.0.1:${port}`], lifetime };
  const fleet = stack.use(await createFleet(join(folder.path, "fleet"), settings));
  const device = `{ device: { id: ${NAME_PLACEHOLDER} }, hub: { mode: ${mode}, domain: hub, urls: ["nats://h:1"], stream: { create: true } } }`;
  setProfile(fleet, "default", permissionsOf(parseConfig(device, "/device.yaml")));
  const config = hubConfig(fleet, unixNow(), join(folder.path, "accounts"));
  const options = { jetstream: true, domain: "hub", leafnodes: true, port, config };
  const nats = stack.use(await startNats({ ...options, ...(binary === undefined ? {} : { binary }) }));
  const kept = stack.move();
  return {
    fleet,
    nats,
    folder: folder.path,
    token: (wanted) => {
      const standard = { profile: "default", lifetime: 600, uses: 1, replaces: false, labels: {} };
      return issueToken(fleet, { ...standard, ...wanted }, unixNow()).token;
    },
    stateDir: async (name) => {
      const path = join(folder.path, `state-${name}`);
      await mkdir(path, { recursive: true });
      return path;
    },
    serve: (other = fleet) =>
      serveFleet({ fleet: other, clock: systemClock, log: silentLogger, interval: millis(200) }),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Until somebody answers: a service that has just been started is not there at once. */
export async function enrolWhenAnswered(options: EnrolOptions): Promise<EnrolResult> {
  return await waitFor("an answer", async () => {
    try {
      return { result: await enrolDevice(options) };
    } catch (error) {
      if (isPetioleError(error, "ERR_ENROL_UNREACHABLE")) return undefined;
      return { error };
    }
  }).then((outcome) => {
    if ("error" in outcome) throw outcome.error;
    return outcome.result;
  });
}
