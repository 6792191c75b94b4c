// The local nats-server: it starts without a hub, tells why it cannot start, comes back when it dies, keeps its
// address, does not outlive its supervisor twice, and takes every configured value as a value.

import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { basename, join } from "node:path";
import { connect } from "@nats-io/transport-node";
import { describe, test } from "vitest";
import { findNatsServer, probeServer } from "../../../src/adapters/leaf/find-server.ts";
import { renderLeafConfig, type LeafSettings } from "../../../src/adapters/leaf/leaf-config.ts";
import { createLeafLogins } from "../../../src/adapters/leaf/leaf-logins.ts";
import { readLeafSecrets } from "../../../src/adapters/leaf/leaf-secrets.ts";
import { startLeafServer, type LeafServerOptions } from "../../../src/adapters/leaf/leaf-server.ts";
import { probeLeafz } from "../../../src/adapters/leaf/leafz.ts";
import { formatServerVersion } from "../../../src/adapters/leaf/server-version.ts";
import { millis, seconds } from "../../../src/domain/units.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { serverVersions, startNats } from "../../support/nats.ts";
import { freePort } from "../../support/ports.ts";
import { spawnProcess, tempFolder } from "../../support/processes.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import { waitFor } from "../../support/wait-for.ts";

const anyPort = { host: "127.0.0.1", port: 0 };

async function leafOptions(
  folder: string,
  binary: string,
  settings: Partial<LeafSettings> = {},
): Promise<LeafServerOptions> {
  return {
    folder: join(folder, "leaf"),
    binary: { path: binary, version: await probeServer(binary) },
    log: silentLogger,
    logins: createLeafLogins(),
    backoff: { initial: millis(50), max: millis(200) },
    settings: {
      device: "press-7",
      listen: anyPort,
      monitor: anyPort,
      remote: { urls: [`nats-leaf://127.0.0.1:${await freePort()}`] },
      ...settings,
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe.each(await serverVersions())("startLeafServer() with nats-server $name", ({ binary, skip }) => {
  const only = skip === undefined ? test : test.skip;

  only("serves local clients while there is no hub, and connects when one appears", async ({ expect }) => {
    await using folder = await tempFolder();
    let hubPort = 0;
    await using link = await startTcpProxy({ port: () => hubPort });
    await using hub = await startNats({ leafnodes: true, leafPortAdvertised: link.port });
    hubPort = hub.leafPort;
    link.cut();
    const remote = { urls: [`nats-leaf://127.0.0.1:${link.port}`] };
    await using leaf = await startLeafServer(await leafOptions(folder.path, binary, { remote }));
    const probe = { monitorUrl: leaf.monitorUrl, server: leaf.version };
    await using client = await connect({ servers: leaf.url });
    expect(client.info?.server_name).toBe("press-7");
    expect(client.info?.jetstream ?? false).toBe(false);
    expect(await probeLeafz(probe, seconds(1))).toMatchObject({ up: false });
    link.mend();
    await waitFor("the link", async () => (await probeLeafz(probe, seconds(1))).up);
    link.cut();
    await waitFor("the loss of the link", async () => !(await probeLeafz(probe, seconds(1))).up);
  });

  only("says why the hub does not let it in", async ({ expect }) => {
    await using folder = await tempFolder();
    await using hub = await startNats({ leafnodes: true, leafConfig: 'authorization { user: "a", password: "b" }' });
    const remote = { urls: [`nats-leaf://a:wrong@127.0.0.1:${hub.leafPort}`] };
    await using leaf = await startLeafServer(await leafOptions(folder.path, binary, { remote }));
    const problem = await waitFor("the complaint", () => leaf.linkProblem());
    expect(problem).toMatch(/Authorization Violation/i);
    const sample = await probeLeafz({ monitorUrl: leaf.monitorUrl, server: leaf.version, problem }, seconds(1));
    expect(sample).toMatchObject({ up: false, reason: expect.stringContaining("Authorization Violation") });
  });

  only("starts a server that died again on the same address", async ({ expect }) => {
    await using folder = await tempFolder();
    await using leaf = await startLeafServer(await leafOptions(folder.path, binary));
    const before = leaf.state().pid;
    expect(before).toBeTypeOf("number");
    process.kill(before ?? 0, "SIGKILL");
    await waitFor("another server", () => leaf.state().running && leaf.state().pid !== before);
    expect(leaf.state()).toMatchObject({ restarts: 1, reason: undefined });
    await using client = await connect({ servers: leaf.url });
    expect(client.isClosed()).toBe(false);
  });

  only("restart() ends the server and starts it at once", async ({ expect }) => {
    await using folder = await tempFolder();
    const options = await leafOptions(folder.path, binary);
    const slow = { initial: seconds(600), max: seconds(600) };
    await using leaf = await startLeafServer({ ...options, backoff: slow });
    const before = leaf.state().pid;
    leaf.restart("the link hangs");
    await waitFor("another server", () => leaf.state().running && leaf.state().pid !== before);
    expect(leaf.state().restarts).toBe(1);
  });

  only("disposing it ends the server and removes the pid file", async ({ expect }) => {
    await using folder = await tempFolder();
    const leaf = await startLeafServer(await leafOptions(folder.path, binary));
    const { pid } = leaf.state();
    const pidFile = join(folder.path, "leaf", "nats-server.pid");
    expect(Number(await readFile(pidFile, "utf8"))).toBe(pid);
    await leaf[Symbol.asyncDispose]();
    expect(isAlive(pid ?? 0)).toBe(false);
    await expect(readFile(pidFile)).rejects.toMatchObject({ code: "ENOENT" });
  });

  only("rejects with what the server said when its port is in use", async ({ expect }) => {
    await using folder = await tempFolder();
    const blocker = createServer().listen(0, "127.0.0.1");
    await once(blocker, "listening");
    const address = blocker.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    try {
      const options = await leafOptions(folder.path, binary, { listen: { host: "127.0.0.1", port } });
      await expect(startLeafServer(options)).rejects.toMatchObject({
        code: "ERR_LEAF_SERVER",
        message: expect.stringMatching(new RegExp(`127.0.0.1:${port}.*address already in use`, "s")),
      });
    } finally {
      blocker.close();
    }
  });

  only("ends the server of an agent that was killed, but no other process of that number", async ({ expect }) => {
    await using folder = await tempFolder();
    const options = await leafOptions(folder.path, binary);
    const script = join(folder.path, "agent.ts");
    await writeFile(script, agentScript(options));
    await using agent = await spawnProcess(process.execPath, [script]);
    const orphan = await waitFor(
      "the agent's server",
      () => Number(/pid (\d+)/.exec(agent.output())?.[1]) || undefined,
    );
    agent.signal("SIGKILL");
    await agent.exited;
    expect(isAlive(orphan)).toBe(true);

    await using leaf = await startLeafServer(options);
    await waitFor("the end of the orphan", () => !isAlive(orphan));
    expect(leaf.state().running).toBe(true);
    await leaf[Symbol.asyncDispose]();

    await using stranger = await spawnProcess("sleep", ["600"]);
    await writeFile(join(folder.path, "leaf", "nats-server.pid"), `${stranger.pid}\n`);
    await using next = await startLeafServer(options);
    expect(next.state().running).toBe(true);
    expect(isAlive(stranger.pid)).toBe(true);
  });

  only("takes hostile values as values", async ({ expect }) => {
    await using folder = await tempFolder();
    // No space: newer servers refuse a name with one, whoever wrote it.
    const hostile = 'x"\n}\n]\n}\nlisten:0.0.0.0:1\njetstream:true\ninclude\t"/etc/passwd"#$HOME\\\t\u0001\u007f';
    const configFile = join(folder.path, "hostile.conf");
    const settings: LeafSettings = {
      device: hostile,
      listen: anyPort,
      monitor: anyPort,
      remote: { urls: ["nats-leaf://127.0.0.1:1"] },
    };
    const secrets = await readLeafSecrets(settings, createLeafLogins());
    const files = { portsFolder: folder.path };
    await writeFile(configFile, renderLeafConfig({ settings, secrets, files, version: await probeServer(binary) }));
    await using server = await spawnProcess(binary, ["-c", configFile]);
    const monitor = await waitFor("its ports file", async () => {
      const ports = JSON.parse(
        await readFile(join(folder.path, `${basename(binary)}_${server.pid}.ports`), "utf8"),
      ) as {
        monitoring: string[];
      };
      return ports.monitoring[0];
    });
    const varz = (await (await fetch(`${monitor}/varz`)).json()) as Record<string, unknown>;
    expect(varz).toMatchObject({ server_name: hostile, host: "127.0.0.1", jetstream: {} });
  });
});

function agentScript(options: LeafServerOptions): string {
  const source = new URL("../../../src/", import.meta.url).href;
  const { log: _log, clock: _clock, ...plain } = options;
  return `
    const { startLeafServer } = await import(${JSON.stringify(`${source}adapters/leaf/leaf-server.ts`)});
    const { silentLogger } = await import(${JSON.stringify(`${source}lib/log.ts`)});
    const leaf = await startLeafServer({ ...${JSON.stringify(plain)}, log: silentLogger });
    console.log("pid " + leaf.state().pid);
    setInterval(() => {}, 1000);
  `;
}

test("findNatsServer() takes a configured path only, and says what is wrong with it", async ({ expect }) => {
  const { env } = process;
  await expect(findNatsServer({ env, configured: "/nonexistent/nats-server" })).rejects.toMatchObject({
    code: "ERR_LEAF_SERVER",
    message: expect.stringContaining("/nonexistent/nats-server"),
  });
  await expect(findNatsServer({ env, configured: process.execPath })).rejects.toMatchObject({
    message: expect.stringContaining("found no nats-server"),
  });
  const found = await findNatsServer({ env });
  expect(formatServerVersion(found.version)).toMatch(/^2\./);
});
