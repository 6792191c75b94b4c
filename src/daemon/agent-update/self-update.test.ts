import { createHash, generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "vitest";
import { createFakeClock, type FakeClock } from "../../../test/support/fake-clock.ts";
import { tempFolder } from "../../../test/support/processes.ts";
import { waitFor } from "../../../test/support/wait-for.ts";
import { PetioleError } from "../../domain/errors.ts";
import { minutes, seconds } from "../../domain/units.ts";
import { VERSION } from "../../domain/version.ts";
import { silentLogger } from "../../lib/log.ts";
import { packRelease } from "../../lib/release-file.ts";
import { publicHalf } from "../../trust/keys.ts";
import { signStatement } from "../../trust/statement.ts";
import { writePending } from "./pending.ts";
import { createSelfUpdate, type AgentHealth, type SelfUpdate } from "./self-update.ts";

const KEY = generateKeyPairSync("ed25519").privateKey;
const CONTENT = "#!/bin/sh\nexit 1\n";
const digestOf = (bytes: string | Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

interface Rig extends AsyncDisposable {
  readonly self: SelfUpdate;
  readonly clock: FakeClock;
  readonly folder: string;
  readonly health: { -readonly [K in keyof AgentHealth]: AgentHealth[K] };
  readonly failing: { health: boolean };
  readonly restarts: string[];
  /** Packs and signs one. */
  release(version: string, statement?: object): Promise<string>;
  /** The file that references to the hub stand for, and how often it was asked for and fetched. */
  readonly hub: { file: string; asked: number; fetched: number };
}

/** An agent that the launcher started: from the package, or on trial. */
async function openRig(launched: "package" | "trial"): Promise<Rig> {
  const stack = new AsyncDisposableStack();
  const { path } = stack.use(await tempFolder());
  const folder = join(path, "agent");
  mkdirSync(join(folder, "versions", VERSION), { recursive: true });
  if (launched === "trial") {
    symlinkSync(`versions/${VERSION}`, join(folder, "current"));
    symlinkSync(`${VERSION}:1`, join(folder, "trial"));
    await writePending(folder, { from: "0.0.1", to: VERSION, digest: "d", ran: ["pump", "valve"] });
  }
  const clock = createFakeClock();
  const health: Rig["health"] = { store: "disk", link: "online", running: ["pump"], wanted: ["pump", "valve"] };
  const failing = { health: false };
  const restarts: string[] = [];
  const hub = { file: "", asked: 0, fetched: 0 };
  const saved = new Map<string, string | undefined>();
  const self = stack.use(
    createSelfUpdate({
      device: "gw-1",
      config: {
        keys: [],
        threshold: 1,
        allow_downgrade: false,
        unsynced_clock: "refuse",
        settle: seconds(60),
        offline_grace: minutes(10),
        limit: minutes(15),
      },
      file: join(path, "petiole.yaml"),
      launch: { folder, version: launched === "trial" ? VERSION : undefined },
      policy: async () => ({
        mode: "enforce",
        digests: [],
        keys: [{ ...publicHalf(KEY), name: "release", kinds: ["statement"] }],
        threshold: 1,
        allowDowngrade: false,
        unsyncedClock: "refuse",
      }),
      openSource: () => ({
        resolve: async () => {
          hub.asked++;
          const bytes = readFileSync(hub.file);
          return { digest: digestOf(bytes), content: digestOf(bytes), size: bytes.byteLength, annotations: {} };
        },
        open: async (_, start) => {
          hub.fetched++;
          return { start, chunks: Readable.from([readFileSync(hub.file).subarray(start)]) };
        },
        [Symbol.asyncDispose]: async () => {},
      }),
      stall: seconds(10),
      outbox: { publish: async () => ({}) } as never,
      state: { load: async (name) => saved.get(name), save: async (name, value) => void saved.set(name, value) },
      health: async () => {
        if (failing.health) throw new PetioleError("ERR_STORE_FAILED", "the disk is slow");
        return health;
      },
      restart: (reason) => void restarts.push(reason),
      isClockSynced: () => true,
      clock,
      log: silentLogger,
    }),
  );
  const parts = stack.move();
  return {
    self,
    clock,
    folder,
    health,
    failing,
    restarts,
    hub,
    async release(version, more = {}) {
      const [binary, out] = [join(path, "binary"), join(path, `${version}.release`)];
      writeFileSync(binary, CONTENT);
      const digest = digestOf(CONTENT);
      const statement = { name: `petiole/linux-${process.arch}`, version, digest, size: CONTENT.length, ...more };
      await packRelease(binary, signStatement(statement, [KEY]), out);
      return out;
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

const update = (self: SelfUpdate, release: string, allowDowngrade = false): Promise<unknown> => {
  const params = { reference: `file://${release}`, dryRun: false, allowDowngrade, again: false };
  return self.update(params, () => {}, new AbortController().signal);
};

test("createSelfUpdate() says from the first moment that its version is on trial, and installs nothing over it", async ({
  expect,
}) => {
  await using rig = await openRig("trial");
  expect((await rig.self.versions()).trial).toEqual({ starts: 1, waitsFor: "it is starting" });
  const refused = update(rig.self, await rig.release("9.0.0"));
  refused.catch(() => {});
  await rig.self.begin();
  await expect(refused).rejects.toThrow(expect.objectContaining({ code: "ERR_AGENT_UPDATE_BUSY" }));
});

test("createSelfUpdate() ends what waits for it when it ends before it began", async ({ expect }) => {
  const rig = await openRig("package");
  const waiting = update(rig.self, await rig.release("9.0.0"));
  waiting.catch(() => {});
  await rig[Symbol.asyncDispose]();
  await expect(waiting).rejects.toThrow(/it is ending/);
});

test("createSelfUpdate() keeps a version though a component was taken away during the trial", async ({ expect }) => {
  await using rig = await openRig("trial");
  await rig.self.begin();
  await waitFor("a first look", () => rig.clock.sleeping > 0);
  rig.health.wanted = ["pump"];
  await rig.clock.advance(minutes(2));
  await waitFor("the end of the trial", async () => (await rig.self.versions()).trial === undefined);
  expect([(await rig.self.versions()).bad, rig.restarts]).toEqual([[], []]);
});

test("createSelfUpdate() goes on with a trial when its health could not be told for a while", async ({ expect }) => {
  await using rig = await openRig("trial");
  rig.failing.health = true;
  await rig.self.begin();
  await waitFor("a look", async () => (await rig.self.versions()).trial?.waitsFor.includes("disk is slow"));
  rig.failing.health = false;
  rig.health.running = ["pump", "valve"];
  await waitFor("a pause", () => rig.clock.sleeping > 0);
  await rig.clock.advance(minutes(2));
  await waitFor("the end of the trial", async () => (await rig.self.versions()).trial === undefined);
  expect([(await rig.self.versions()).bad, rig.restarts]).toEqual([[], []]);
});

test("createSelfUpdate() gives a version up whose health is never told", async ({ expect }) => {
  await using rig = await openRig("trial");
  rig.failing.health = true;
  await rig.self.begin();
  await waitFor("a pause", () => rig.clock.sleeping > 0);
  await rig.clock.advance(minutes(16));
  await waitFor("the mark", async () => (await rig.self.versions()).bad.length === 1);
  expect((await rig.self.versions()).bad[0]?.reason).toMatch(/its health is not known: the disk is slow/);
});

test("createSelfUpdate() knows which version the package brings while that one runs", async ({ expect }) => {
  await using rig = await openRig("package");
  // Of a package before, from when the launcher last asked.
  symlinkSync("1-1:0.0.1", join(rig.folder, "packaged"));
  await rig.self.begin();
  const older = await rig.release("0.0.2");
  await expect(update(rig.self, older, true)).rejects.toThrow(/package brings/);
  expect((await rig.self.versions()).packaged).toBe(VERSION);
});

test("createSelfUpdate() leaves nothing of a version that does not work here", async ({ expect }) => {
  await using rig = await openRig("package");
  await rig.self.begin();
  const release = await rig.release("9.0.0");
  await expect(update(rig.self, release)).rejects.toThrow(expect.objectContaining({ code: "ERR_RELEASE_UNFIT" }));
  expect([readdirSync(rig.folder), readdirSync(join(rig.folder, "versions"))]).toEqual([["versions"], []]);
});

test("createSelfUpdate() takes a mark that was half written, as the power went, for none", async ({ expect }) => {
  await using rig = await openRig("package");
  const mark = join(rig.folder, "bad", "9.0.0.123.tmp");
  mkdirSync(join(rig.folder, "bad"));
  writeFileSync(mark, "it cra");
  expect((await rig.self.versions()).bad).toEqual([]);
  await rig.self.begin();
  await waitFor("it to be gone", () => !existsSync(mark));
});

test.for([
  ["9.0.0", /^ERR_RELEASE_BAD.*it crashed/],
  ["0.0.1", /^ERR_TRUST_DOWNGRADE/],
] as const)("createSelfUpdate() does not fetch %s to refuse it", async ([version, reason], { expect }) => {
  await using rig = await openRig("package");
  mkdirSync(join(rig.folder, "bad"));
  writeFileSync(join(rig.folder, "bad", "9.0.0"), "it crashed\n");
  rig.hub.file = await rig.release(version);
  await rig.self.begin();
  rig.self.want({ version, release: "nats-object://releases/one" });
  await waitFor("the refusal", async () => (await rig.self.versions()).wanted?.state === "refused");
  expect((await rig.self.versions()).wanted?.reason).toMatch(reason);
  expect(rig.hub.asked).toBe(0);
});

test("createSelfUpdate() fetches once what it has to wait with", async ({ expect }) => {
  await using rig = await openRig("package");
  rig.hub.file = await rig.release("9.0.0", { "not-before": "2099-01-01T00:00:00Z" });
  await rig.self.begin();
  rig.self.want({ version: "9.0.0", release: "nats-object://releases/one" });
  for (const tries of [1, 2]) {
    await waitFor("a try", async () => {
      const { state, reason } = (await rig.self.versions()).wanted ?? {};
      return rig.hub.asked >= tries && state === "waiting" && reason?.startsWith("ERR_TRUST_EARLY") === true;
    });
    await rig.clock.advance(minutes(2));
  }
  expect(rig.hub.fetched).toBe(1);
  expect(readdirSync(join(rig.folder, "versions"))).toEqual([]);
});
