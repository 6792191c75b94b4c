import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { NatsConnection } from "@nats-io/transport-node";
import { describe, test } from "vitest";
import { createFakeClock, type FakeClock } from "../../test/support/fake-clock.ts";
import { tempFolder } from "../../test/support/processes.ts";
import { waitFor } from "../../test/support/wait-for.ts";
import type { HubLinkState } from "../domain/hub-link.ts";
import { minutes, seconds } from "../domain/units.ts";
import { enrolmentFolder } from "../lib/enrolment-folder.ts";
import { silentLogger } from "../lib/log.ts";
import { signClaims } from "./claims.ts";
import { keepEnrolment, type EnrolmentKeeper } from "./keep.ts";
import { createKey } from "./keys.ts";
import { readEnrolment, readRequest, saveEnrolment, saveRequest, type Bundle, type Enrolment } from "./record.ts";

const ACCOUNT = createKey("account");
const ISSUED = 1_700_000_000;
const LIFETIME = 86_400;

const userToken = (subject: string): string => {
  const nats = { type: "user", issuer_account: ACCOUNT.publicKey };
  return signClaims(ACCOUNT, { subject, name: "gw-1", issued: ISSUED, expires: ISSUED + LIFETIME, nats });
};

function bundle(): Bundle {
  const [key, recovery] = [createKey("user"), createKey("user")];
  return { key, recovery, jwt: userToken(key.publicKey), recoveryJwt: userToken(recovery.publicKey) };
}

const enrolmentOf = (current: Bundle, next?: Bundle): Enrolment => ({
  version: 1,
  name: "gw-1",
  fleet: ACCOUNT.publicKey,
  urls: ["nats://127.0.0.1:1"],
  token: createKey("user").publicKey,
  current,
  ...(next === undefined ? {} : { next }),
});

/** What the fleet answers to a renewal. */
function answer(body: string): string {
  const { payload } = JSON.parse(body) as { readonly payload: string };
  const { key, recovery } = JSON.parse(payload) as { readonly key: string; readonly recovery: string };
  return JSON.stringify({ ok: true, name: "gw-1", jwt: userToken(key), recovery: userToken(recovery) });
}

interface Bench extends AsyncDisposable {
  readonly stateDir: string;
  readonly clock: FakeClock;
  link: HubLinkState;
  /** What the fleet does when it is asked over the link. */
  fleet: (body: string) => Promise<string>;
  /** How often the link was looked at, and the fleet asked. */
  readonly looks: number;
  readonly questions: number;
  start(): EnrolmentKeeper;
  /** Lets time pass when the keeper has nothing to do but to wait. */
  idle(): Promise<void>;
  /** Lets it pass until the keeper has looked so often more. */
  look(times: number): Promise<void>;
}

async function setUp(): Promise<Bench> {
  const folder = await tempFolder();
  // When the credentials should have been renewed, and hold still.
  const clock = createFakeClock((ISSUED + LIFETIME - 3600) * 1000);
  let [looks, questions] = [0, 0];
  const idle = async (): Promise<void> => {
    if (clock.sleeping > 0) await clock.advance(seconds(5));
  };
  const bench: Bench = {
    stateDir: folder.path,
    clock,
    link: { link: "online", mode: "direct", rtt: undefined, reason: undefined, server: undefined },
    fleet: async () => await Promise.reject(new Error("nobody is there")),
    get looks() {
      return looks;
    },
    get questions() {
      return questions;
    },
    start: () =>
      keepEnrolment({
        stateDir: folder.path,
        device: "gw-1",
        tls: undefined,
        connection: { current: () => connection },
        link: () => {
          looks++;
          return bench.link;
        },
        onLinkChange: () => ({ [Symbol.dispose]: () => {} }),
        time: () => clock.wall(),
        clock,
        log: silentLogger,
        pace: {
          tick: seconds(5),
          // The way around the link is tested with a real one.
          patience: { refused: minutes(6000), trial: minutes(1) },
          backoff: { initial: seconds(20), max: minutes(60), random: () => 0.999 },
        },
      }),
    idle,
    look: async (times) => {
      const until = looks + times;
      await waitFor("the keeper to look", async () => {
        await idle();
        return looks >= until;
      });
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
  const connection = {
    request: async (_subject: string, body: string) => {
      questions++;
      const text = await bench.fleet(body);
      return { string: () => text };
    },
  } as unknown as NatsConnection;
  return bench;
}

describe("keepEnrolment()", () => {
  test("asks for no others at once when the hub has refused the new credentials", async ({ expect }) => {
    await using bench = await setUp();
    const { stateDir } = bench;
    await saveEnrolment(stateDir, enrolmentOf(bundle(), bundle()));
    const online = bench.link;
    bench.link = { ...online, link: "offline", reason: "authorization violation" };
    await using keeper = bench.start();
    await waitFor("the way back", async () => {
      await bench.look(1);
      return (await readEnrolment(stateDir))?.next === undefined;
    });
    bench.link = online;
    await bench.look(10);
    expect(bench.questions).toBe(0);
    expect(keeper.status()).toMatchObject({ trying: false, problem: { code: "ERR_ENROL_REFUSED" } });
    await bench.clock.advance(minutes(60));
    await waitFor("the next try", async () => {
      await bench.look(1);
      return bench.questions > 0;
    });
  });

  test("leaves an enrolment that was made while the fleet was asked", async ({ expect }) => {
    await using bench = await setUp();
    const { stateDir } = bench;
    await saveEnrolment(stateDir, enrolmentOf(bundle()));
    const anew = enrolmentOf(bundle());
    bench.fleet = async (body) => {
      if (bench.questions === 1) await saveEnrolment(stateDir, anew);
      return answer(body);
    };
    await using _keeper = bench.start();
    await waitFor("a question", () => bench.questions > 0);
    await bench.look(1);
    expect((await readEnrolment(stateDir))?.token).toBe(anew.token);
  });

  test("leaves the keys of an enrolment that is under way", async ({ expect }) => {
    await using bench = await setUp();
    const { stateDir } = bench;
    await saveEnrolment(stateDir, enrolmentOf(bundle()));
    const { key, recovery } = bundle();
    const request = { token: createKey("user").publicKey, name: "gw-1", key, recovery };
    await saveRequest(stateDir, request);
    bench.fleet = async (body) => answer(body);
    await using keeper = bench.start();
    await keeper.renew();
    expect(await readRequest(stateDir)).toEqual(request);
  });

  test("tells of a damaged record only as long as it is damaged", async ({ expect }) => {
    await using bench = await setUp();
    const { stateDir } = bench;
    const good = enrolmentOf(bundle());
    await saveEnrolment(stateDir, good);
    bench.link = { ...bench.link, link: "offline" };
    await using keeper = bench.start();
    await bench.look(1);
    await writeFile(join(enrolmentFolder(stateDir), "enrolment.json"), "{");
    await waitFor("the problem", async () => {
      await bench.idle();
      return keeper.status()?.problem?.code === "ERR_ENROL_STATE";
    });
    await saveEnrolment(stateDir, good);
    await bench.look(2);
    expect(keeper.status()).toMatchObject({ key: good.current.key.publicKey, problem: undefined });
  });
});
