// Contract: what a lattice names as SECRET_… is looked up by the host and given to components, providers and links, by a
// service of wasmCloud or a backend of the device that is meant for it; and nothing that is told or kept shows one.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { Aedes } from "aedes";
import { afterAll, beforeAll, describe, test } from "vitest";
import { connectNats } from "../../../src/adapters/lattice/connection.ts";
import { createRemoteEnds } from "../../../src/adapters/lattice/remote-ends.ts";
import { seconds } from "../../../src/domain/units.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { fixtureComponent, petiole } from "../../support/agent.ts";
import { readToken, startSecretsService, type SecretsService } from "../../support/model-secrets.ts";
import { tempFolder, type TempFolder } from "../../support/processes.ts";
import { providerScript } from "../../support/provider-files.ts";
import { waitFor } from "../../support/wait-for.ts";
import { link, scaleCommand, startLatticeRig, startProviderCommand, type Json, type LatticeRig } from "./support.ts";

const TOKEN = "marker-token-4Jh";
const PASSWORD = "marker-password-8Gf";
const FIRST = "marker-link-first-2Ds";
const SECOND = "marker-link-second-6Lp";
const MARKERS = [TOKEN, PASSWORD, FIRST, SECOND];

let folder: TempFolder;
let service: SecretsService;
let rig: LatticeRig;

beforeAll(async () => {
  folder = await tempFolder();
  await mkdir(join(folder.path, "box"), { mode: 0o700 });
  await mkdir(join(folder.path, "programs"));
  await writeFile(join(folder.path, "programs", "store"), providerScript());
  rig = await startLatticeRig({
    lattice: {
      secrets_prefix: "wasmcloud.secrets",
      components_folder: dirname(fixtureComponent("watcher")),
      executables: { from_outside: true, folder: join(folder.path, "programs"), stop_delay: "2s" },
    },
    config: {
      log: { level: "trace" },
      secrets: {
        default: "own",
        backends: {
          box: { type: "files", folder: join(folder.path, "box"), refresh: "100ms", from_outside: true },
          own: { type: "files", folder: join(folder.path, "box") },
        },
      },
    },
  });
  service = await startSecretsService(rig.hub.url);
  service.values.set("api/token", TOKEN).set("mqtt", PASSWORD);
  await put("bucket-key", FIRST);
});
afterAll(async () => {
  await rig?.[Symbol.asyncDispose]();
  await service?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

const put = async (name: string, value: string): Promise<void> =>
  await writeFile(join(folder.path, "box", name), value, { mode: 0o600 });

async function ask(verb: string, body: unknown): Promise<void> {
  const reply = await rig.ask(verb, body);
  if (!reply.success) throw new Error(reply.message);
}

/** As wash and wadm write it. */
const putSecret = async (stored: string, name: string, backend: string, key: string): Promise<void> =>
  await ask(`config.put.${stored}`, {
    name,
    type: "secret.wasmcloud.dev/v1alpha1",
    backend,
    key,
    policy: '{"type":"properties.secret.wasmcloud.dev/v1alpha1","properties":{"role":"edge"}}',
  });

const digest = (value: string): string => `String ${createHash("sha256").update(value).digest("hex")}`;
const said = (fits: (text: string) => boolean): Promise<string> =>
  waitFor("the provider to say it", () =>
    rig.agent
      .output()
      .split("\n")
      .filter((line) => line.includes("Provider says"))
      .map((line) => String((JSON.parse(line) as Json)["text"]))
      .find(fits),
  );

describe("a secret of the lattice", () => {
  test("is read by a component, by the name that it was given, from a service that is told who asks", async ({
    expect,
  }) => {
    await putSecret("SECRET_thermo-token", "token", "vault", "api/token");
    const scaled = rig.next("component_scaled");
    await ask(
      "component.scale.{h}",
      scaleCommand(rig, {
        component_ref: "file://watcher.wasm",
        component_id: "watcher",
        annotations: { "wasmcloud.dev/appspec": "thermo" },
        config: ["SECRET_thermo-token"],
      }),
    );
    await scaled;
    await using connection = connectNats({ servers: [rig.hub.url], name: "caller", log: silentLogger });
    await waitFor("the connection", () => connection.current() !== undefined);
    const remote = createRemoteEnds({ connection, lattice: "default", log: silentLogger });
    const text = { kind: "string" } as const;
    const called = {
      source: "test",
      linkName: "default",
      target: "watcher",
      interfaceName: "petiole:fixture-watcher/probe",
      functionName: "secret",
      type: { params: [{ name: "name", type: text }], result: text },
    };
    expect(await remote.call(called, ["token"], seconds(20))).toBe(`string:${TOKEN}`);
    expect(await remote.call(called, ["other"], seconds(20))).toBe("not-found");
    const [question] = service.asked;
    expect(question?.context.application).toEqual({
      name: "thermo",
      policy: '{"type":"properties.secret.wasmcloud.dev/v1alpha1","properties":{"role":"edge"}}',
    });
    expect(readToken(question?.context.host_jwt ?? "").sub).toMatch(/^N/);
  });

  test("is a part of the configuration of a provider of petiole's own", async ({ expect }) => {
    const logins: string[] = [];
    const broker = await Aedes.createBroker({
      authenticate: (_client, _name, password, done) => {
        logins.push(password?.toString() ?? "");
        done(null, true);
      },
    });
    const server = createServer((socket) => broker.handle(socket));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    await ask("config.put.mqtt", {
      url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
      username: "gw",
    });
    await putSecret("SECRET_mqtt", "password", "vault", "mqtt");
    // It connects once it has something to do.
    const messaging = { wit_namespace: "wasmcloud", wit_package: "messaging", interfaces: ["consumer"] };
    await ask("link.put", link({ source_id: "watcher", target: "mq", ...messaging }));
    const started = rig.next("provider_started");
    await ask(
      "provider.start.{h}",
      startProviderCommand(rig, { provider_id: "mq", provider_ref: "petiole://mqtt", config: ["mqtt", "SECRET_mqtt"] }),
    );
    await started;
    await waitFor("the log-in", () => logins.includes(PASSWORD));
    const stopped = rig.next("provider_stopped");
    await ask("provider.stop.{h}", { host_id: rig.host, provider_id: "mq" });
    await stopped;
    await new Promise<void>((resolve) => broker.close(() => server.close(() => resolve())));
    expect(logins[0]).toBe(PASSWORD);
  });

  test("goes to a process with its start, and with a link sealed for it; another value is a new link", async ({
    expect,
  }) => {
    await ask("config.put.careless", { behaviour: "careless" });
    await putSecret("SECRET_store", "login", "vault", "api/token");
    await putSecret("SECRET_link", "key", "box", "bucket-key");
    await ask("link.put", link({ source_id: "watcher", target: "store", target_config: ["SECRET_link"] }));
    await ask(
      "provider.start.{h}",
      startProviderCommand(rig, {
        provider_ref: `file://${join(folder.path, "programs", "store")}`,
        config: ["careless", "SECRET_store"],
      }),
    );
    expect(await said((text) => text.startsWith("secrets"))).toBe(
      `secrets ${JSON.stringify({ login: digest(TOKEN) })}`,
    );
    expect(await said((text) => text.startsWith("link secrets"))).toContain(`"side":"target","key":"${digest(FIRST)}"`);
    expect(await said((text) => text.startsWith("careless"))).toContain("***");
    await put("bucket-key", SECOND);
    await said((text) => text.startsWith("link del"));
    await said((text) => text.startsWith("link secrets") && text.includes(digest(SECOND)));
  });

  test("that is none, or not for others, or refused, fails what wants it with a reason", async ({ expect }) => {
    await putSecret("SECRET_own", "password", "own", "bucket-key");
    await ask("config.put.SECRET_odd", { a: "b" });
    await putSecret("SECRET_refused", "password", "vault", "no-such-key");
    const failing = async (config: readonly string[]): Promise<unknown> => {
      const failed = rig.next("provider_start_failed");
      await ask(
        "provider.start.{h}",
        startProviderCommand(rig, { provider_id: "bad", provider_ref: "petiole://mqtt", config }),
      );
      return (await failed).data["error"];
    };
    expect(await failing(["SECRET_gone"])).toMatch(/Config SECRET_gone does not exist/);
    expect(await failing(["SECRET_odd"])).toMatch(/SECRET_odd cannot be used: it is no reference to a secret/);
    // The backend of that name is the device's own: the service of that name is asked, and nobody is there.
    expect(await failing(["SECRET_own"])).toMatch(/service "own": nobody answers/);
    expect(await failing(["SECRET_refused"])).toMatch(/service "vault": it answers SecretNotFound/);
  });

  test("shows nowhere", async ({ expect }) => {
    const shown = await Promise.all([
      petiole("status", "--json", "--socket", rig.agent.socket),
      petiole("status", "--socket", rig.agent.socket),
    ]);
    const files = await readdir(rig.agent.stateDir, { recursive: true, withFileTypes: true });
    const contents = await Promise.all(
      files
        .filter((file) => file.isFile())
        .map(({ parentPath, name }) => readFile(join(parentPath, name), "latin1").catch(() => "")),
    );
    const configs = await Promise.all(
      ["SECRET_thermo-token", "SECRET_link", "mqtt"].map((name) => rig.ask(`config.get.${name}`)),
    );
    const all = [
      ...shown.flatMap(({ stdout, stderr }) => [stdout, stderr]),
      ...contents,
      rig.agent.output(),
      JSON.stringify([rig.events(), await rig.inventory(), configs, await rig.ask("link.get")]),
    ].join("\n");
    expect(rig.events().length).toBeGreaterThan(5);
    expect(MARKERS.filter((marker) => all.includes(marker))).toEqual([]);
  });
});
