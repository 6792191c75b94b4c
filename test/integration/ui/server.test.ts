// Contract: the live page is for the person who started it, and for nobody else on this machine or elsewhere; it asks the
// agent through its control socket, and outlives it.

import { once } from "node:events";
import { request, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { mkdtempDisposable, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { bundlePage } from "../../../cross-build/page.ts";
import type { Millis } from "../../../src/domain/units.ts";
import type { ListenAddress } from "../../../src/ui/listen-address.ts";
import type { PageData } from "../../../src/ui/page-data.ts";
import { openUiServer } from "../../../src/ui/server.ts";
import { startUi, type Ui } from "../../../src/ui/start-ui.ts";
import { accessibilityFaults, openBrowser, withoutBrowser } from "../../support/browser.ts";
import { openModelAgent } from "../../support/model-agent.ts";
import { waitFor } from "../../support/wait-for.ts";

/** Of a browser on a busy machine. */
const PATIENCE = 60_000;

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
}

/** Unlike `fetch` it sends whatever host and origin it is told to. */
async function askAt(address: ListenAddress, path: string, options: AskOptions = {}): Promise<Answer> {
  const { headers, method = "GET" } = options;
  const to = address.kind === "unix" ? { socketPath: address.path } : { host: address.host, port: address.port };
  const sent = request({ ...to, path, method, headers: { host: "127.0.0.1", ...headers }, agent: false }).end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  const text = (await response.toArray()).join("");
  return { status: response.statusCode, headers: response.headers, text };
}
const ask = (ui: Ui, path: string, headers: AskOptions["headers"] = {}, method = "GET"): Promise<Answer> =>
  askAt(ui.address, path, { headers, method });
const keyOf = (ui: Ui): string => new URL(ui.url).hash.slice(1);
async function askData(ui: Ui, query = ""): Promise<PageData> {
  const { status, text } = await ask(ui, `/data${query}`, { authorization: `Bearer ${keyOf(ui)}` });
  if (status !== 200) throw new Error(`${status}: ${text}`);
  return JSON.parse(text) as PageData;
}

describe("startUi()", () => {
  test("gives data to who has the key, on a host and from a page of this machine", async ({ expect }) => {
    await using agent = await openModelAgent();
    await using ui = await startUi({ socket: agent.socket, listen: "127.0.0.1:0" });
    expect(ui.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#[\w-]{32}$/);
    const key = { authorization: `Bearer ${keyOf(ui)}` };
    const first = await askData(ui);
    expect(first).toMatchObject({ isReachable: true, view: { device: "gw-1" } });
    expect(first.logs.map(({ message }) => message)).toEqual(["Agent is ready"]);
    const statuses = await Promise.all([
      ask(ui, "/data"),
      ask(ui, "/data", { authorization: "Bearer x" }),
      ask(ui, `/data?key=${keyOf(ui)}`),
      ask(ui, "/data", { ...key, host: "evil.example" }),
      ask(ui, "/", { host: "evil.example" }),
      ask(ui, "/data", { ...key, origin: "http://evil.example" }),
      ask(ui, "/data", { ...key, "sec-fetch-site": "cross-site" }),
      ask(ui, "/data", key, "POST"),
      ask(ui, "/nothing"),
      ask(ui, "/../../package.json"),
      ask(ui, "/constructor"),
    ]);
    expect(statuses.map(({ status }) => status)).toEqual([401, 401, 401, 403, 403, 403, 403, 405, 404, 404, 404]);
    for (const { text } of statuses) expect(text).not.toContain("gw-1");
    // Another one has another key.
    await using other = await startUi({ socket: agent.socket, listen: "127.0.0.1:0" });
    expect(keyOf(other)).not.toBe(keyOf(ui));
  });

  test("lets a browser load nothing from elsewhere, and keep nothing", async ({ expect }) => {
    await using agent = await openModelAgent();
    await using ui = await startUi({ socket: agent.socket, listen: "127.0.0.1:0", assets: await bundlePage() });
    const answers = [await ask(ui, "/"), await ask(ui, "/main.ts"), await ask(ui, "/data"), await ask(ui, "/none")];
    for (const { headers } of answers) {
      expect(headers["content-security-policy"]).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
      expect(headers["content-security-policy"]).not.toMatch(/unsafe|https?:|\*/);
      expect(headers).toMatchObject({
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
      });
      expect(headers["access-control-allow-origin"]).toBeUndefined();
    }
  });

  test("asks the agent no more often, however many look, and gives each what is new to it", async ({ expect }) => {
    await using agent = await openModelAgent();
    await using ui = await startUi({ socket: agent.socket, listen: "127.0.0.1:0" });
    const before = await askData(ui);
    const asked = agent.asked();
    const answers = await Promise.all(Array.from({ length: 20 }, () => askData(ui)));
    expect(agent.asked() - asked).toBeLessThanOrEqual(2);
    expect(new Set(answers.map(({ run }) => run))).toEqual(new Set([before.run]));
    agent.set({ hub: "offline" });
    const next = await waitFor("the change", async () => {
      const data = await askData(ui, `?run=${before.run}&after=${before.tick}`);
      return data.events.length > 0 && data;
    });
    expect(next.events.map(({ text }) => text)).toEqual(["The hub is offline, was online: cut"]);
    expect(next.logs).toEqual([]);
    // Who knows another run, or asks nonsense, gets all that is there.
    for (const query of ["?run=other&after=999", `?run=${before.run}&after=x`, "?after=-1", "?%00", "?after=1e999"]) {
      expect((await askData(ui, query)).logs.length).toBe(1);
    }
  });

  test("outlives the agent, and says since when it is away", async ({ expect }) => {
    const agent = await openModelAgent();
    await using ui = await startUi({ socket: agent.socket, listen: "127.0.0.1:0" });
    await waitFor("the agent", async () => (await askData(ui)).isReachable);
    await agent[Symbol.asyncDispose]();
    const away = await waitFor("the end to be seen", async () => {
      const data = await askData(ui);
      return !data.isReachable && data;
    });
    expect(away).toMatchObject({ view: { device: "gw-1" }, reason: expect.stringContaining("Cannot reach an agent") });
    expect(away.points.at(-1)?.values).toBeUndefined();
    await using again = await openModelAgent({ folder: agent.folder, pid: 8 });
    const back = await waitFor("the agent again", async () => {
      const data = await askData(ui);
      return data.isReachable && data;
    });
    expect(back.events.map(({ text }) => text)).toEqual([
      "The agent does not answer",
      "The agent answers again",
      "The agent was started again: 1.0.0",
    ]);
    // Of both runs.
    expect(back.logs.map(({ message }) => message)).toEqual(["Agent is ready", "Agent is ready"]);
    expect(again.asked()).toBeGreaterThan(0);
  });

  test("starts without an agent, and takes nonsense for no answer", async ({ expect }) => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "petiole-ui-"));
    await using ui = await startUi({ socket: join(folder.path, "none.sock"), listen: "127.0.0.1:0" });
    expect(await askData(ui)).toMatchObject({ isReachable: false, points: [], events: [] });
    for (const [nonsense, reason] of [
      ["{]", /Cannot read/],
      ['{"ok":true,"value":{"run":"other","lines":[]}}', /another version/],
    ] as const) {
      await using agent = await openModelAgent({ nonsense });
      await using other = await startUi({ socket: agent.socket, listen: "127.0.0.1:0" });
      expect(await askData(other)).toMatchObject({ isReachable: false, reason: expect.stringMatching(reason) });
    }
  });

  test("survives garbage, and lets no client take it all", async ({ expect }) => {
    await using agent = await openModelAgent();
    await using ui = await startUi({ socket: agent.socket, listen: "127.0.0.1:0" });
    if (ui.address.kind !== "tcp") throw new Error("want a port");
    const { host, port } = ui.address;
    const garbage = [
      "\x16\x03\x01\x02\x00",
      "GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nhost: evil.example\r\n\r\n",
      `GET /${"x".repeat(20_000)} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`,
      `GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n${"a: b\r\n".repeat(3000)}\r\n`,
      "POST /data HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\nffffffff\r\n",
      "GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
      "CONNECT evil.example:443 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
      "PUT / HTTP/1.1\r\nhost: 127.0.0.1\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n",
    ];
    for (const bytes of garbage) {
      const socket = connect(port, host).on("error", () => {});
      socket.end(bytes);
      const answer = (await socket.toArray().catch(() => [])).join("");
      expect(answer).not.toMatch(/^HTTP\/1\.1 (?:1|2)/);
    }
    const idle = Array.from({ length: 100 }, () => connect(port, host).on("error", () => {}));
    // Those that are too many are closed at once.
    await waitFor("the bound", () => idle.filter(({ closed }) => closed).length >= 60);
    for (const socket of idle) socket.destroy();
    await waitFor("room again", async () => (await askData(ui)).isReachable);
  });

  test("ends a connection on which nothing moves", async ({ expect }) => {
    const look = () => new Promise<never>(() => {});
    const listen = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;
    const deps = { listen, token: "key", assets: new Map(), observer: { look }, patience: 200 as Millis };
    await using server = await openUiServer(deps);
    const { address } = server;
    const asking = askAt(address, "/data", { headers: { authorization: "Bearer key" } });
    await expect(asking).rejects.toMatchObject({ code: "ECONNRESET" });
  });

  test("serves on a unix socket, for its user alone", async ({ expect }) => {
    await using agent = await openModelAgent();
    await using folder = await mkdtempDisposable(join(tmpdir(), "petiole-ui-"));
    const path = join(folder.path, "ui.sock");
    {
      await using ui = await startUi({ socket: agent.socket, listen: `unix:${path}` });
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      expect((await askData(ui)).view?.device).toBe("gw-1");
      expect((await ask(ui, "/data")).status).toBe(401);
      await expect(startUi({ socket: agent.socket, listen: `unix:${path}` })).rejects.toMatchObject({
        code: "ERR_UI_LISTEN",
      });
    }
    await writeFile(path, "somebody's");
    await expect(startUi({ socket: agent.socket, listen: `unix:${path}` })).rejects.toThrow(/no socket/);
    await expect(startUi({ socket: agent.socket, listen: "0.0.0.0:0" })).rejects.toMatchObject({
      code: "ERR_UI_ADDRESS",
    });
    await using first = await startUi({ socket: agent.socket, listen: "127.0.0.1:0" });
    const { port } = new URL(first.url);
    await expect(startUi({ socket: agent.socket, listen: `127.0.0.1:${port}` })).rejects.toThrow(
      /--listen takes another/,
    );
  });
});

describe.skipIf(withoutBrowser("the page as it is built"))("the page as it is built", () => {
  test("shows hostile names as text, and a device that has nothing", async ({ expect }) => {
    const name = `<img src=x onerror=alert(1)>"'&\u202e`;
    await using agent = await openModelAgent({ name });
    await using ui = await startUi({ socket: agent.socket, listen: "127.0.0.1:0", assets: await bundlePage() });
    await using browser = await openBrowser();
    await using shown = await browser.newPage();
    const { page } = shown;
    // Without a key there is nothing to see.
    await page.goto(new URL("/", ui.url).href);
    await waitFor("the refusal", async () => (await page.textContent("#banner"))?.includes("petiole ui"), PATIENCE);
    await page.goto(ui.url);
    await waitFor("the page", async () => (await page.textContent("#banner"))?.startsWith("Live"), PATIENCE);
    // It asked once or more without the key.
    expect(shown.problems.splice(0).join()).toContain("401");
    expect(await page.textContent("#components th[scope=row]")).toBe(name);
    expect(await page.locator("#graph a", { hasText: "running" }).locator("title").textContent()).toContain(name);
    expect(await page.locator("img").count()).toBe(1);
    agent.set({ empty: true });
    await waitFor(
      "nothing",
      async () => (await page.textContent("#graph"))?.includes("Nothing is wanted here yet"),
      PATIENCE,
    );
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(shown.problems).toEqual([]);
    // The key is not in the address any more, but this tab has it.
    expect(page.url()).toBe(new URL("/", ui.url).href);
    await page.reload();
    await waitFor("the page again", async () => (await page.textContent("#banner"))?.startsWith("Live"), PATIENCE);
  });
});
