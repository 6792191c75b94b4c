// Pins: what the device does with a verdict: refuse or warn, remember over restarts, look again when the clock is set.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "vitest";
import { loadTrustPolicy } from "../../src/daemon/trust-policy.ts";
import { openTrustCheck, type TrustCheckDeps } from "../../src/daemon/trust-check.ts";
import type { TrustConfig } from "../../src/config/trust-schema.ts";
import { PetioleError } from "../../src/domain/errors.ts";
import type { ExecutableFacts, StateStore } from "../../src/host/ports.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { signStatement, type Statement } from "../../src/trust/statement.ts";
import { fixtureComponent } from "../support/agent.ts";
import { tempFolder } from "../support/processes.ts";
import { createIssuer, createSigner, digestOf, signWithWascap } from "../support/signed-components.ts";
import { hashOf, providerClaims, thisTarget } from "../support/provider-files.ts";
import { componentSpec } from "../support/workloads.ts";
import { recordingLogger, type LogEntry } from "./runtime/support.ts";

const release = createSigner("release");
const CONFIG: TrustConfig = {
  mode: "enforce",
  digests: [],
  keys: [{ name: "release", value: release.pinned.id }],
  threshold: 1,
  allow_downgrade: false,
  unsynced_clock: "allow-known",
};

interface MemoryState extends StateStore {
  readonly names: Map<string, string>;
  broken: boolean;
}

function createState(): MemoryState {
  const names = new Map<string, string>();
  return {
    names,
    broken: false,
    load: async (name) => names.get(name),
    async save(name, value) {
      if (this.broken) throw new PetioleError("ERR_STORE_FAILED", "the disk is full");
      names.set(name, value ?? "");
    },
  };
}

async function open(state: StateStore, more: Partial<TrustConfig> = {}, deps: Partial<TrustCheckDeps> = {}) {
  const entries: LogEntry[] = [];
  const check = await openTrustCheck({
    policy: await loadTrustPolicy({ ...CONFIG, ...more }),
    state,
    clock: systemClock,
    isClockSynced: async () => true,
    log: recordingLogger(entries),
    ...deps,
  });
  return { check, entries };
}

const BYTES = Buffer.from("0061736d0d000100", "hex");
const READ = { bytes: BYTES, digest: digestOf(BYTES) };

async function writeStatement(file: string, more: Partial<Statement> = {}): Promise<void> {
  const statement = { name: "app", version: "1.0.0", digest: READ.digest, size: BYTES.byteLength, ...more };
  await writeFile(`${file}.sig`, signStatement(statement, [release.key]));
}

describe("the trust check", () => {
  test("remembers what ran, and only that, over restarts", async ({ expect }) => {
    await using folder = await tempFolder();
    const state = createState();
    const file = join(folder.path, "app.wasm");
    const spec = componentSpec("app", { file });
    await writeStatement(file, { version: "2.0.0" });
    const first = await open(state);
    const neverStarted = await first.check.check(spec, READ);
    expect(neverStarted.shown).toEqual({ trusted: true, signers: ["release"], version: "2.0.0", reason: undefined });

    await writeStatement(file, { version: "1.5.0" });
    await (await first.check.check(spec, READ)).confirm();
    const second = await open(state);
    await writeStatement(file, { version: "1.4.0" });
    await expect(second.check.check(spec, READ)).rejects.toMatchObject({
      code: "ERR_TRUST_DOWNGRADE",
      message: expect.stringContaining("(downgraded)"),
    });
    // Another component of the same file has a name of its own.
    await expect(second.check.check(componentSpec("other", { file }), READ)).rejects.toMatchObject({
      code: "ERR_TRUST_NAME",
    });
    const permitted = await open(state, { allow_downgrade: true });
    await (await permitted.check.check(spec, READ)).confirm();
    expect(permitted.check.remembered().names.get("app")).toEqual({ version: "1.5.0", revision: undefined });
  });

  test("names the component as its specification says it is signed", async ({ expect }) => {
    await using folder = await tempFolder();
    const file = join(folder.path, "x.wasm");
    await writeStatement(file);
    const { check } = await open(createState());
    const decision = await check.check(componentSpec("kitchen", { file, signedName: "app" }), READ);
    expect(decision.shown.trusted).toBe(true);
  });

  test("lets run while the clock is not set what ran before, and the rest once it is", async ({ expect }) => {
    await using folder = await tempFolder();
    const state = createState();
    const file = join(folder.path, "app.wasm");
    const spec = componentSpec("app", { file });
    await writeStatement(file, { "not-after": "2999-01-01T00:00:00Z" });
    let synced = false;
    const { check } = await open(state, {}, { isClockSynced: async () => synced });
    await expect(check.check(spec, READ)).rejects.toMatchObject({ code: "ERR_TRUST_CLOCK" });
    synced = true;
    await (await check.check(spec, READ)).confirm();
    const rebooted = await open(state, {}, { isClockSynced: async () => false });
    expect((await rebooted.check.check(spec, READ)).shown.trusted).toBe(true);
  });

  test("only says what it would refuse when it is to warn, and remembers nothing of that", async ({ expect }) => {
    await using folder = await tempFolder();
    const state = createState();
    const { check, entries } = await open(state, { mode: "warn" });
    const decision = await check.check(componentSpec("app", { file: join(folder.path, "app.wasm") }), READ);
    expect(decision.shown).toEqual({ trusted: false, signers: [], version: undefined, reason: "unsigned" });
    await decision.confirm();
    expect(entries).toMatchObject([{ level: "warn", component: "app", code: "ERR_TRUST_UNSIGNED" }]);
    expect(state.names.size).toBe(0);
  });

  test("goes on when nothing can be written down, and writes it with the next", async ({ expect }) => {
    await using folder = await tempFolder();
    const state = createState();
    const file = join(folder.path, "app.wasm");
    await writeStatement(file);
    const { check, entries } = await open(state);
    state.broken = true;
    await (await check.check(componentSpec("app", { file }), READ)).confirm();
    expect(entries).toMatchObject([{ level: "error" }]);
    state.broken = false;
    await writeStatement(file, { version: "1.1.0" });
    await (await check.check(componentSpec("app", { file }), READ)).confirm();
    expect((await open(state)).check.remembered().names.get("app")?.version).toBe("1.1.0");
  });

  test("forgets, and says so, when what it remembered is damaged", async ({ expect }) => {
    const state = createState();
    state.names.set("trust-memory", "{");
    const { check, entries } = await open(state);
    expect(check.remembered().names.size).toBe(0);
    expect(entries).toMatchObject([{ level: "error" }]);
  });

  test("refuses what lies beside a component and is no file", async ({ expect }) => {
    await using folder = await tempFolder();
    const file = join(folder.path, "app.wasm");
    await mkdir(`${file}.sig`);
    const { check } = await open(createState());
    await expect(check.check(componentSpec("app", { file }), READ)).rejects.toMatchObject({
      code: "ERR_TRUST_MALFORMED",
    });
  });

  test("reads the claims of a whole component", async ({ expect }) => {
    const { account } = createIssuer("vendor");
    const bytes = signWithWascap(await readFile(fixtureComponent("bare")), account, { name: "app", ver: "3.1.4" });
    const { check } = await open(createState(), { keys: [{ name: "vendor", value: account.getPublicKey() }] });
    const decision = await check.check(componentSpec("app"), { bytes, digest: digestOf(bytes) });
    expect(decision.shown).toMatchObject({ trusted: true, signers: ["vendor"], version: "3.1.4" });
  });
});

describe("loadTrustPolicy()", () => {
  test("reads keys of every form, and what they may sign", async ({ expect }) => {
    await using folder = await tempFolder();
    const p256 = createSigner("p256", "p256").pinned;
    const file = join(folder.path, "ci.pub");
    await writeFile(file, p256.key.export({ type: "spki", format: "pem" }));
    const nkey = createIssuer("vendor").account.getPublicKey();
    const { keys } = await loadTrustPolicy({
      ...CONFIG,
      keys: [
        { name: "ci", file },
        { name: "vendor", value: nkey, kinds: ["wascap"] },
        { name: "release", value: release.pinned.id },
      ],
    });
    expect(keys.map(({ name, kinds }) => [name, kinds])).toEqual([
      ["ci", ["cosign"]],
      ["vendor", ["wascap"]],
      ["release", ["statement", "wascap", "cosign"]],
    ]);
  });

  test.for([
    ["a file that is not there", [{ name: "a", file: "/nowhere.pub" }], "ERR_CONFIG_UNREADABLE", /nowhere/],
    ["a file that is no key", [{ name: "a", file: import.meta.filename }], "ERR_CONFIG_INVALID", /want a public key/],
    [
      "one key under two names",
      [
        { name: "a", value: release.pinned.id },
        { name: "b", value: release.pinned.key.export({ type: "spki", format: "pem" }) },
      ],
      "ERR_CONFIG_INVALID",
      /the same key as "a"/,
    ],
  ] as const)("refuses %s", async ([, keys, code, message], { expect }) => {
    await expect(loadTrustPolicy({ ...CONFIG, keys: [...keys] })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  test("refuses a key in a file that cannot sign what it is for", async ({ expect }) => {
    await using folder = await tempFolder();
    const file = join(folder.path, "ci.pub");
    const pem = createSigner("p256", "p256").pinned.key.export({ type: "spki", format: "pem" });
    await writeFile(file, pem);
    await expect(
      loadTrustPolicy({ ...CONFIG, keys: [{ name: "ci", file, kinds: ["statement"] }] }),
    ).rejects.toMatchObject({
      code: "ERR_CONFIG_INVALID",
      message: expect.stringContaining("a key for p256 signs no statement"),
    });
  });
});

describe("the trust check of an executable", () => {
  const account = createIssuer("vendor");
  const binary = Buffer.from("a binary");
  const archive = Buffer.from("an archive with it");
  const claims = {
    token: providerClaims({ [thisTarget]: binary }, { issuer: account.account }),
    target: thisTarget,
    hash: hashOf(binary),
  };
  const vendor = { keys: [{ name: "vendor", value: account.account.getPublicKey(), kinds: ["wascap" as const] }] };
  const facts = (file: string, more: Partial<ExecutableFacts> = {}): ExecutableFacts => ({
    id: "kv",
    file,
    digest: digestOf(archive),
    size: archive.length,
    claims: undefined,
    ...more,
  });

  test("takes a listed digest, a signature beside it, or the claims of a pinned account", async ({ expect }) => {
    await using folder = await tempFolder();
    const file = join(folder.path, "kv.par.gz");
    const listed = await open(createState(), { digests: [digestOf(archive)] });
    expect((await listed.check.checkExecutable(facts(file))).shown).toMatchObject({ trusted: true, signers: [] });
    await writeStatement(file, { name: "kv", digest: digestOf(archive), size: archive.length });
    const signed = await open(createState());
    expect((await signed.check.checkExecutable(facts(file))).shown).toMatchObject({
      trusted: true,
      signers: ["release"],
    });
    const claimed = await open(createState(), vendor);
    const named = facts("/nowhere", { claims, signedName: "Test provider" });
    expect((await claimed.check.checkExecutable(named)).shown).toMatchObject({
      trusted: true,
      signers: ["vendor"],
      version: "1.2.3",
    });
  });

  test("refuses everything else, and says why", async ({ expect }) => {
    const { check } = await open(createState(), vendor);
    const named = facts("/nowhere", { signedName: "Test provider" });
    const stranger = providerClaims({ [thisTarget]: binary });
    for (const [given, code] of [
      [named, "ERR_TRUST_UNSIGNED"],
      [{ ...named, claims: { ...claims, token: stranger } }, "ERR_TRUST_SIGNER"],
      [{ ...named, claims: { ...claims, hash: hashOf(archive) } }, "ERR_TRUST_DIGEST"],
      [{ ...named, claims: { ...claims, target: "riscv64-linux" } }, "ERR_TRUST_DIGEST"],
      [{ ...named, claims, signedName: "another" }, "ERR_TRUST_NAME"],
    ] as const) {
      await expect(check.checkExecutable(given)).rejects.toMatchObject({ code });
    }
    const warning = await open(createState(), { ...vendor, mode: "warn" });
    expect((await warning.check.checkExecutable(named)).shown).toMatchObject({ trusted: false, reason: "unsigned" });
    expect(warning.entries).toContainEqual(
      expect.objectContaining({ message: "Provider is not trusted, and runs as the policy only warns" }),
    );
  });
});
