// Contract: an agent that enforces a trust policy runs, without any network, exactly what its keys vouch for; each other
// component is refused with a reason of its own, and keeps nobody else from running.

import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "vitest";
import type { AgentStatus } from "../../src/domain/status.ts";
import { fixtureComponent, petiole, startAgent, type TestAgent } from "../support/agent.ts";
import { freePort } from "../support/ports.ts";
import { tempFolder } from "../support/processes.ts";
import {
  componentManifest,
  createIssuer,
  createSigner,
  customSection,
  digestOf,
  signWithCosign,
  signWithWascap,
} from "../support/signed-components.ts";
import { waitFor } from "../support/wait-for.ts";

const BARE = await readFile(fixtureComponent("bare"));

/** A build of the component that differs from others. */
const build = (label: string): Buffer => Buffer.concat([BARE, customSection("build", Buffer.from(label))]);

async function ok(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await petiole(...args);
  if (code !== 0) throw new Error(`petiole ${args.join(" ")} ended with ${code}:\n${stderr}`);
  return stdout;
}

interface Bench extends AsyncDisposable {
  readonly folder: string;
  readonly key: string;
  /** Writes a build of a component and signs it, under its file's name unless told otherwise. */
  readonly put: (
    file: string,
    label: string,
    signed?: { readonly version: string; readonly name?: string; readonly key?: string },
  ) => Promise<string>;
}

async function createBench(): Promise<Bench> {
  const temp = await tempFolder();
  const key = join(temp.path, "release.key");
  await ok("keys", "generate", "--out", key);
  return {
    folder: temp.path,
    key,
    put: async (file, label, signed) => {
      const path = join(temp.path, `${file}.wasm`);
      await writeFile(path, build(label));
      if (signed === undefined) return path;
      const { version, name = file, key: signer = key } = signed;
      await ok("sign", path, "--key", signer, "--name", name, "--version", version, "--force");
      return path;
    },
    [Symbol.asyncDispose]: () => temp[Symbol.asyncDispose](),
  };
}

/** No hub answers, and none ever will. */
async function startOffline(files: Readonly<Record<string, string>>, trust: unknown): Promise<TestAgent> {
  return await startAgent({
    hub: { mode: "direct", urls: [`nats://127.0.0.1:${await freePort()}`] },
    trust,
    components: Object.fromEntries(Object.entries(files).map(([id, file]) => [id, { file }])),
    providers: { bus: { type: "messaging-memory" } },
    links: Object.keys(files).map((id) => ({ from: id, to: "bus", interfaces: ["wasmcloud:messaging/consumer"] })),
  });
}

const outcomes = ({ components }: AgentStatus): Readonly<Record<string, string>> =>
  Object.fromEntries(components.map(({ id, state, lastError }) => [id, lastError?.code ?? state]));

const outcomeOf = (status: AgentStatus, id: string): string | undefined => outcomes(status)[id];

describe("an agent that enforces its policy, offline", () => {
  test("runs what is vouched for, and refuses each other component with a reason of its own", async ({ expect }) => {
    await using bench = await createBench();
    const { folder, put } = bench;
    const vendor = createIssuer("vendor");
    const ci = createSigner("ci", "p256");
    const ciKey = join(folder, "ci.pub");
    await writeFile(ciKey, ci.pinned.key.export({ type: "spki", format: "pem" }));
    const stranger = join(folder, "stranger.key");
    await ok("keys", "generate", "--out", stranger);

    const wascap = join(folder, "wascap.wasm");
    await writeFile(wascap, signWithWascap(build("wascap"), vendor.account, { name: "wascap", ver: "3.0.0", rev: 1 }));
    const cosign = await put("cosign", "cosign");
    const bytes = await readFile(cosign);
    const manifest = componentManifest(digestOf(bytes), bytes.byteLength);
    await writeFile(`${cosign}.manifest.json`, manifest);
    await writeFile(`${cosign}.cosign`, `${signWithCosign(ci.key, { digest: digestOf(manifest) })}\n`);
    const swapped = await put("swapped", "as signed", { version: "1.0.0" });
    await writeFile(swapped, build("as swapped"));
    const tampered = await put("tampered", "tampered", { version: "1.0.0" });
    const envelope = JSON.parse(await readFile(`${tampered}.sig`, "utf8")) as { payload: string };
    const payload = Buffer.from(envelope.payload, "base64").toString().replace('"1.0.0"', '"9.0.0"');
    await writeFile(
      `${tampered}.sig`,
      JSON.stringify({ ...envelope, payload: Buffer.from(payload).toString("base64") }),
    );
    const listed = await put("listed", "listed");

    const files = {
      good: await put("good", "good", { version: "1.0.0" }),
      wascap,
      cosign,
      listed,
      unsigned: await put("unsigned", "unsigned"),
      stranger: await put("stranger", "stranger", { version: "1.0.0", key: stranger }),
      swapped,
      tampered,
      replayed: await put("replayed", "replayed", { version: "1.0.0", name: "good" }),
    };
    await using agent = await startOffline(files, {
      mode: "enforce",
      digests: [digestOf(await readFile(listed))],
      keys: [
        { name: "release", file: `${bench.key}.pub` },
        { name: "vendor", value: vendor.account.getPublicKey(), kinds: ["wascap"] },
        { name: "ci", file: ciKey },
      ],
    });
    const status = await agent.status();
    expect(status.hub.link).not.toBe("online");
    expect(outcomes(status)).toEqual({
      good: "running",
      wascap: "running",
      cosign: "running",
      listed: "running",
      unsigned: "ERR_TRUST_UNSIGNED",
      stranger: "ERR_TRUST_SIGNER",
      swapped: "ERR_TRUST_DIGEST",
      tampered: "ERR_TRUST_SIGNATURE",
      replayed: "ERR_TRUST_NAME",
    });
    const trust = (id: string): unknown => status.components.find((one) => one.id === id)?.trust;
    expect(trust("good")).toEqual({ trusted: true, signers: ["release"], version: "1.0.0" });
    expect(trust("wascap")).toEqual({ trusted: true, signers: ["vendor"], version: "3.0.0" });
    expect(trust("cosign")).toEqual({ trusted: true, signers: ["ci"] });
    expect(trust("listed")).toEqual({ trusted: true, signers: [] });
    const text = await ok("status", "--config", agent.configFile);
    expect(text).toMatch(/good +running .* 1\.0\.0 +release\n/);
    expect(text).toMatch(/listed +running .* - +listed digest\n/);
    expect(text).toMatch(/unsigned: ERR_TRUST_UNSIGNED: .*\(unsigned\): nobody has signed it/);
    expect(agent.output()).toMatch(/"code":"ERR_TRUST_DIGEST"/);

    // Its signature arrives: nobody has to restart anything.
    await ok("sign", files.unsigned, "--key", bench.key, "--name", "unsigned", "--version", "1.0.0");
    await waitFor(
      "the component to run",
      async () => outcomeOf(await agent.status(), "unsigned") === "running",
      30_000,
    );
  });

  test("knows an older version over restarts, from the cache as well", async ({ expect }) => {
    await using bench = await createBench();
    const app = await bench.put("app", "two", { version: "2.0.0" });
    const other = await bench.put("other", "other", { version: "1.0.0" });
    await using agent = await startOffline(
      { app, other },
      { mode: "enforce", keys: [{ name: "release", file: `${bench.key}.pub` }] },
    );
    expect(outcomes(await agent.status())).toEqual({ app: "running", other: "running" });
    const restart = async (): Promise<Readonly<Record<string, string>>> => {
      expect(await agent.stop("SIGKILL")).toBeNull();
      await agent.start();
      return outcomes(await agent.status());
    };
    expect(await restart()).toEqual({ app: "running", other: "running" });

    await bench.put("app", "one", { version: "1.9.0" });
    expect(await restart()).toEqual({ app: "ERR_TRUST_DOWNGRADE", other: "running" });
    const verdict = await petiole("verify", app, "--config", agent.configFile, "--json");
    expect(verdict.code).toBe(2);
    expect(JSON.parse(verdict.stdout)).toMatchObject({ trusted: false, reason: "downgraded", deviceAsked: true });

    await bench.put("app", "three", { version: "2.1.0" });
    expect(await restart()).toEqual({ app: "running", other: "running" });
    expect(await ok("verify", app, "--config", agent.configFile)).toMatch(/trusted as app 2\.1\.0, signed by release/);
  });

  test("refuses code from its own cache once the signature is gone, and a policy that only warns runs it", async ({
    expect,
  }) => {
    await using bench = await createBench();
    const app = await bench.put("app", "one", { version: "1.0.0" });
    const keys = [{ name: "release", file: `${bench.key}.pub` }];
    await using agent = await startOffline({ app }, { mode: "enforce", keys });
    expect(outcomes(await agent.status())).toEqual({ app: "running" });
    await rm(`${app}.sig`);
    expect(await agent.stop("SIGTERM")).toBe(0);
    await agent.start();
    expect(outcomes(await agent.status())).toEqual({ app: "ERR_TRUST_UNSIGNED" });

    const config = await readFile(agent.configFile, "utf8");
    await writeFile(agent.configFile, config.replace("mode: enforce", "mode: warn"));
    expect(await agent.stop("SIGTERM")).toBe(0);
    await agent.start();
    expect(outcomes(await agent.status())).toEqual({ app: "running" });
    expect(await ok("status", "--config", agent.configFile)).toMatch(/app +running .* not trusted: unsigned/);
    expect(agent.output()).toMatch(/"code":"ERR_TRUST_UNSIGNED".*Component is not trusted, and runs/);
  });
});

describe("petiole keys, sign and verify", () => {
  test("make keys that nobody else reads, that are not overwritten, and not shown unless asked", async ({ expect }) => {
    await using folder = await tempFolder();
    for (const [form, head] of [
      ["pem", "-----BEGIN PRIVATE KEY-----"],
      ["nkey", "SA"],
    ] as const) {
      const file = join(folder.path, form);
      const made = await petiole("keys", "generate", "--out", file, "--form", form, "--json");
      const secret = await readFile(file, "utf8");
      expect(secret.startsWith(head)).toBe(true);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      const shown = await petiole("keys", "show", file);
      const report = JSON.parse(made.stdout) as { id: string; nkey: string };
      expect(shown.stdout).toContain(report.id);
      expect(shown.stdout).toContain(report.nkey);
      for (const output of [made.stdout, made.stderr, shown.stdout, shown.stderr]) {
        expect(output).not.toContain(secret.split("\n").at(form === "pem" ? 1 : 0));
      }
      expect((await petiole("keys", "show", file, "--private")).stdout).toContain(secret.trim());
      expect((await petiole("keys", "show", `${file}.pub`)).stdout).toContain(report.id);
      const again = await petiole("keys", "generate", "--out", file);
      expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining("ERR_SIGN_KEY") as string });
      expect(await readFile(file, "utf8")).toBe(secret);
    }
  });

  test("two of two sign the same statement, and nobody adds to another one", async ({ expect }) => {
    await using bench = await createBench();
    const second = join(bench.folder, "second.seed");
    await ok("keys", "generate", "--out", second, "--form", "nkey");
    const app = await bench.put("app", "app");
    const sign = (key: string, version: string, ...more: string[]): ReturnType<typeof petiole> =>
      petiole("sign", app, "--key", key, "--name", "app", "--version", version, ...more);
    expect((await sign(bench.key, "1.0.0")).code).toBe(0);
    const config = join(bench.folder, "petiole.yaml");
    await writeFile(
      config,
      JSON.stringify({
        device: { id: "d" },
        runtime_dir: "run",
        trust: {
          mode: "enforce",
          threshold: 2,
          keys: [
            { name: "first", file: "release.key.pub" },
            { name: "second", file: "second.seed.pub" },
          ],
        },
        components: { app: { file: "app.wasm" } },
      }),
    );
    const alone = await petiole("verify", app, "--config", config);
    expect(alone.stderr).toMatch(/ERR_TRUST_THRESHOLD: .*1 of the 2 keys/);
    expect(alone.stdout).toContain("No device was asked");
    expect((await sign(second, "1.0.1")).stderr).toMatch(/ERR_SIGN_OTHER: .*of app 1\.0\.0/);
    expect((await sign(second, "1.0.0")).code).toBe(0);
    expect(await ok("verify", app, "--config", config)).toMatch(/trusted as app 1\.0\.0, signed by first, second/);
    const listed = JSON.parse(await ok("keys", "list", "--config", config, "--json")) as { keys: { name: string }[] };
    expect(listed.keys.map(({ name }) => name)).toEqual(["first", "second"]);
    expect((await sign(second, "1.0.1", "--force")).code).toBe(0);
    expect(await ok("verify", app, "--key", `${second}.pub`)).toMatch(/trusted as app 1\.0\.1/);
  });

  test.for([
    [["sign", "x.wasm"], /required option '--key/],
    [["sign", "x.wasm", "--key", "k", "--name", "n", "--version", "1.0"], /want a version such as 1\.2\.0/],
    [["sign", "x.wasm", "--key", "k", "--name", "n", "--version", "1.0.0", "--not-after", "2027-02-31"], /want a time/],
    [["sign", "x.wasm", "--key", "/nowhere", "--name", "n", "--version", "1.0.0"], /ERR_SIGN_KEY/],
    [["verify", "x.wasm"], /want --config or --key/],
    [["verify", "x.wasm", "--key", import.meta.filename], /ERR_SIGN_KEY: .*want a public key/],
    [["keys", "show", import.meta.filename], /ERR_SIGN_KEY/],
    [["keys", "generate", "--out", "/nowhere/key"], /ERR_SIGN_KEY/],
  ] as const)("%j is refused", async ([args, message], { expect }) => {
    const { code, stderr } = await petiole(...args);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });
});
