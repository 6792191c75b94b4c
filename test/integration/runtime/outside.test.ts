// A component reaches the folders and the network that it was granted, and nothing else of the device; while it waits
// for a disk or a peer, the others in its worker go on; what it had open is closed when it ends. With either glue.

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdir, readdir, readFile, readlink, symlink, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { Grants } from "../../../src/domain/workload.ts";
import { MAX_OPEN_FILES } from "../../../src/runtime/wasi/filesystem/open-files.ts";
import type { RunningComponent } from "../../../src/runtime/contract.ts";
import { limits, openRuntime } from "./support.ts";
import { tempFolder } from "../../support/processes.ts";

const FILE = fileURLToPath(new URL("../../fixtures/components/build/outside.wasm", import.meta.url));
const PROBE = "petiole:fixture-outside/probe";
const NOTHING: Grants = { folders: [], network: [] };

const run = (component: RunningComponent, command: string, argument = ""): Promise<unknown> =>
  component.call(PROBE, "run", [command, argument]);

/** A device's folder with a granted one in it, and a runtime. */
async function openDevice(glue: "own" | "jco", cacheDir: string) {
  const stack = new AsyncDisposableStack();
  const { path: outside } = stack.use(await tempFolder());
  const granted = join(outside, "granted");
  await mkdir(granted);
  await writeFile(join(outside, "secret"), "secret");
  const host = stack.use(openRuntime(cacheDir, { glue }));
  const prepared = await host.runtime.prepare(FILE, AbortSignal.timeout(60_000));
  return {
    outside,
    granted,
    start: (grants: Partial<Grants>, deadline = 30_000) =>
      host.startPrepared(prepared, { grants: { ...NOTHING, ...grants }, limits: limits({ deadline }) }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Answers what it is sent, over TCP and UDP, as soon as `answering` is resolved. */
async function openPeer(answering: Promise<void> = Promise.resolve()) {
  const tcp = createServer((socket) => {
    socket.on("data", (bytes) => void answering.then(() => socket.write(`${bytes.toString()} yourself`)));
    socket.on("error", () => {});
  });
  tcp.listen(0, "127.0.0.1");
  const udp = createSocket("udp4", (bytes, from) => udp.send(`${bytes.toString()} too`, from.port, from.address));
  udp.bind(0, "127.0.0.1");
  await Promise.all([once(tcp, "listening"), once(udp, "listening")]);
  return {
    tcp,
    tcpPort: (tcp.address() as AddressInfo).port,
    udpPort: udp.address().port,
    [Symbol.asyncDispose]: async () => {
      udp.close();
      await new Promise((resolve) => void tcp.close(resolve));
    },
  };
}

const folder = (host: string, write = true) => ({ host, guest: "/data", write });

describe.each(["own", "jco"] as const)("Runtime with %s glue", (glue) => {
  // One for all: transpiling takes seconds.
  let cache: Awaited<ReturnType<typeof tempFolder>>;
  beforeAll(async () => {
    cache = await tempFolder();
  });
  afterAll(() => cache[Symbol.asyncDispose]());
  const open = () => openDevice(glue, cache.path);

  test("a component works with the files of a granted folder", async ({ expect }) => {
    await using host = await open();
    await using component = await host.start({ folders: [folder(host.granted)] });
    expect(await run(component, "folders")).toBe('["/data"]');
    expect(await run(component, "append", "one ")).toBe("one ");
    expect(await run(component, "append", "two")).toBe("one two");
    expect(await readFile(join(host.granted, "notes"), "utf8")).toBe("one two");
    await run(component, "link", "notes");
    expect(await readlink(join(host.granted, "link"))).toBe("notes");
    expect(await run(component, "read", "link")).toBe("one two");
    expect(await run(component, "list", ".")).toBe('["regular-file notes","symbolic-link link"]');
    await expect(run(component, "read", "absent")).rejects.toThrow(/no-entry/);
  });

  test("no path leads out of it", async ({ expect }) => {
    await using host = await open();
    await symlink("..", join(host.granted, "up"));
    await using component = await host.start({ folders: [folder(host.granted)] });
    await run(component, "link", "../secret");
    for (const path of ["../secret", join(host.outside, "secret"), "up/secret", "link"]) {
      await expect(run(component, "read", path), path).rejects.toThrow(/not-permitted/);
    }
    await expect(run(component, "create", "up/new")).rejects.toThrow(/not-permitted/);
    expect((await readdir(host.outside)).toSorted()).toEqual(["granted", "secret"]);
  });

  test("without a grant there is nothing, and reading grants no writing", async ({ expect }) => {
    await using host = await open();
    await writeFile(join(host.granted, "notes"), "as it was");
    await using bare = await host.start({});
    expect(await run(bare, "folders")).toBe("[]");
    await using reader = await host.start({ folders: [folder(host.granted, false)] });
    expect(await run(reader, "read", "notes")).toBe("as it was");
    await expect(run(reader, "create", "new")).rejects.toThrow(/read-only/);
    await expect(run(reader, "append", "more")).rejects.toThrow(/read-only/);
  });

  test("a folder that is not there ends the call with its name", async ({ expect }) => {
    await using host = await open();
    const nowhere = join(host.outside, "nowhere");
    const started = host.start({ folders: [folder(nowhere)] }).then((component) => run(component, "folders"));
    await expect(started).rejects.toThrow(`cannot open the folder "${nowhere}"`);
  });

  test("what it had open is closed when it ends", async ({ expect }) => {
    await using host = await open();
    const openHere = async (): Promise<number> => {
      const links = await Promise.all(
        (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
      );
      return links.filter((one) => one === host.granted).length;
    };
    {
      await using component = await host.start({ folders: [folder(host.granted)] });
      await run(component, "hold", "10");
      expect(await openHere()).toBeGreaterThanOrEqual(10);
      await expect(run(component, "hold", String(MAX_OPEN_FILES + 1))).rejects.toThrow(/quota/);
    }
    await using other = await host.start({ folders: [folder(host.granted)] });
    // The same worker serves it, after it has dropped the first.
    await run(other, "folders");
    expect(await openHere()).toBeLessThan(10);
  });

  test("a component reaches a granted address, and no other", async ({ expect }) => {
    await using host = await open();
    await using peer = await openPeer();
    const network = [`127.0.0.1:${peer.tcpPort}`, `127.0.0.1:${peer.udpPort}`];
    await writeFile(join(host.granted, "notes"), "from a file");
    await using component = await host.start({ network, folders: [folder(host.granted)] });
    expect(await run(component, "tcp", String(peer.tcpPort))).toBe("hello yourself");
    expect(await run(component, "copy", String(peer.tcpPort))).toBe("11from a file yourself");
    expect(await run(component, "udp", String(peer.udpPort))).toBe('["hello too"]');
    for (const command of ["tcp", "udp"]) await expect(run(component, command, "9")).rejects.toThrow(/access-denied/);
    await expect(run(component, "lookup", "api.example")).rejects.toThrow(/access-denied/);
    await expect(run(component, "listen", "0")).rejects.toThrow(/access-denied/);
    await using listening = await host.start({ network: ["listen:*"] });
    expect(await run(listening, "listen", "0")).toBe("listening");
  });

  test("one that waits for a peer leaves the worker to the others", async ({ expect }) => {
    await using host = await open();
    const { promise: answering, resolve: answer } = Promise.withResolvers<void>();
    await using peer = await openPeer(answering);
    const grants = { network: [`127.0.0.1:${peer.tcpPort}`], folders: [folder(host.granted)] };
    await using waiting = await host.start(grants);
    await using other = await host.start(grants);
    const connected = once(peer.tcp, "connection");
    const answered = run(waiting, "tcp", String(peer.tcpPort));
    await connected;
    expect(await run(other, "append", "meanwhile")).toBe("meanwhile");
    answer();
    expect(await answered).toBe("hello yourself");
  });

  test("a deadline ends one that waits for a peer, and its connection", async ({ expect }) => {
    await using host = await open();
    await using peer = await openPeer(new Promise(() => {}));
    await using component = await host.start({ network: [`127.0.0.1:${peer.tcpPort}`] }, 300);
    const connected = once(peer.tcp, "connection");
    const called = run(component, "tcp", String(peer.tcpPort));
    await expect(called).rejects.toMatchObject({ code: "ERR_COMPONENT_DEADLINE" });
    const [socket] = (await connected) as [Socket];
    if (!socket.closed) await once(socket, "close");
    expect(await run(component, "folders")).toBe("[]");
  });
});
