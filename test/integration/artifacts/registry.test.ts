// Artifacts and a real registry: what is pushed can be fetched, by tag and by digest; a tag that was resolved before works
// without the registry; nothing that was not verified gets its final name; an interrupted download goes on where it was.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { createServer, request as ask, type Server } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { PetioleError } from "../../../src/domain/errors.ts";
import { bytes, kibibytes, millis, seconds } from "../../../src/domain/units.ts";
import type { ArtifactFacts, FetchProgress } from "../../../src/host/ports.ts";
import { artifactRig, push, sha256, spelled, wasmLike } from "../../support/artifacts.ts";
import { createAuthority } from "../../support/certificates.ts";
import { tempFolder } from "../../support/processes.ts";
import { startRegistry, testRegistryBinary, type TestRegistry } from "../../support/registry.ts";
import { skipping } from "../../support/skip.ts";
import { smallDisk } from "../../support/small-disk.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";

const binary = await testRegistryBinary();
const soon = (): AbortSignal => AbortSignal.timeout(60_000);
const APP = wasmLike(300_000, "app");

/** A server that lets in whoever shows `wanted`, and sends everybody elsewhere. */
async function startRedirection(target: () => string, wanted?: string) {
  const authorizations: (string | undefined)[] = [];
  const server = createServer(({ url, headers }, response) => {
    authorizations.push(headers.authorization);
    if (headers.authorization === wanted) response.writeHead(307, { location: `${target()}${url}` }).end();
    else response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
  });
  return { authorizations, ...(await listening(server)) };
}

async function listening(server: Server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  return {
    host: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

describe.skipIf(binary === undefined)("a registry", () => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry({ binary: binary! });
  });
  afterAll(() => registry[Symbol.asyncDispose]());
  const at = (name: string): string => `${registry.host}/${name}`;
  const insecure = (): Record<string, { insecure: true }> => ({ [registry.host]: { insecure: true } });

  /** A manifest of another tool. */
  async function putManifest(name: string, tag: string, manifest: object, type: string): Promise<string> {
    const body = JSON.stringify(manifest);
    const answer = await fetch(`http://${registry.host}/v2/${name}/manifests/${tag}`, {
      method: "PUT",
      headers: { "content-type": type },
      body,
    });
    if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
    return `sha256:${createHash("sha256").update(body).digest("hex")}`;
  }

  test("gives back what was pushed, by tag and by digest", async ({ expect }) => {
    const pushed = await push(at("team/app:1.2"), APP, { insecure: true }, { "org.example.note": "hello" });
    expect(pushed).toMatchObject({ content: sha256(APP), size: APP.byteLength, uploaded: true });
    const seen: ArtifactFacts[] = [];
    const progress: FetchProgress[] = [];
    await using rig = await artifactRig({ registries: insecure(), verify: async (facts) => void seen.push(facts) });
    const artifact = await rig.store.fetch({ reference: at("team/app:1.2") }, soon(), (one) => progress.push(one));
    expect(artifact).toMatchObject({ digest: pushed.digest, content: sha256(APP), size: APP.byteLength });
    expect(await readFile(artifact.file)).toEqual(APP);
    expect(progress.at(-1)).toEqual({ bytes: APP.byteLength, total: APP.byteLength });
    expect(seen).toMatchObject([{ reference: at("team/app:1.2"), digest: pushed.digest, file: artifact.file }]);
    expect(seen[0]?.annotations).toEqual({ "org.example.note": "hello" });

    await using other = await artifactRig({ registries: insecure() });
    const byDigest = await other.store.fetch({ reference: at(`team/app@${pushed.digest}`) }, soon());
    expect(byDigest).toMatchObject({ digest: pushed.digest, content: sha256(APP) });
  });

  test("has one copy of the same component: pushing again makes the same image", async ({ expect }) => {
    const first = await push(at("team/twice:1"), APP);
    const second = await push(at("team/twice:2"), APP);
    expect(second).toEqual({ ...first, uploaded: false });
  });

  test("is not asked for what the device has", async ({ expect }) => {
    const { digest } = await push(at("team/known:1"), APP);
    await using rig = await artifactRig({ registries: insecure() });
    expect(await rig.store.recall({ reference: at("team/known:1") }, soon())).toBeUndefined();
    const fetched = await rig.store.fetch({ reference: at("team/known:1") }, soon());
    // No registry is known to this one.
    const offline = rig.reopen({ openSource: () => expect.unreachable("the source is asked") });
    expect(await offline.recall({ reference: at("team/known:1") }, soon())).toEqual(fetched);
    const byDigest = at(`team/known@${digest}`);
    expect(await offline.recall({ reference: byDigest }, soon())).toEqual({ ...fetched, reference: byDigest });
    expect(await offline.recall({ reference: at(`team/other@${digest}`) }, soon())).toBeUndefined();
    expect(await offline.recall({ reference: at("team/known:2") }, soon())).toBeUndefined();
  });

  test("tells where a tag is now", async ({ expect }) => {
    await push(at("team/moving:1"), wasmLike(1000, "old"));
    await using rig = await artifactRig({ registries: insecure() });
    const old = await rig.store.fetch({ reference: at("team/moving:1") }, soon());
    expect(await rig.store.fetch({ reference: at("team/moving:1") }, soon())).toEqual(old);
    await push(at("team/moving:1"), wasmLike(1000, "new"));
    const fresh = await rig.store.fetch({ reference: at("team/moving:1") }, soon());
    expect(fresh.content).toBe(sha256(wasmLike(1000, "new")));
    expect(await rig.store.recall({ reference: at("team/moving:1") }, soon())).toEqual(fresh);
  });

  test("gives the WebAssembly of an index for several platforms", async ({ expect }) => {
    const pushed = await push(at("team/index:wasm"), APP);
    const type = "application/vnd.oci.image.index.v1+json";
    const manifestType = "application/vnd.oci.image.manifest.v1+json";
    const raw = await fetch(`http://${registry.host}/v2/team/index/manifests/wasm`, {
      headers: { accept: manifestType },
    });
    const size = (await raw.arrayBuffer()).byteLength;
    const manifests = [
      { mediaType: manifestType, digest: pushed.digest, size, platform: { os: "wasip2", architecture: "wasm" } },
    ];
    const digest = await putManifest("team/index", "1", { schemaVersion: 2, mediaType: type, manifests }, type);
    const seen: ArtifactFacts[] = [];
    await using rig = await artifactRig({ registries: insecure(), verify: async (facts) => void seen.push(facts) });
    expect(await rig.store.fetch({ reference: at("team/index:1") }, soon())).toMatchObject({
      digest,
      content: sha256(APP),
    });
    expect(seen).toMatchObject([{ digest, manifest: pushed.digest }]);
  });

  test("may hold a component in the forms of other tools", async ({ expect }) => {
    const pushed = await push(at("team/forms:wash"), APP);
    const type = "application/vnd.oci.image.manifest.v1+json";
    for (const mediaType of [
      "application/vnd.module.wasm.content.layer.v1+wasm",
      "application/vnd.wasm.content.layer.v1+wasm",
      "application/vnd.oci.image.layer.v1.tar",
    ]) {
      const layer = { mediaType, digest: pushed.content, size: pushed.size };
      // The configuration is not looked at.
      const config = { mediaType: "application/vnd.wasm.config.v1+json", digest: pushed.content, size: pushed.size };
      await putManifest("team/forms", "other", { schemaVersion: 2, mediaType: type, config, layers: [layer] }, type);
      await using rig = await artifactRig({ registries: insecure() });
      expect(await rig.store.fetch({ reference: at("team/forms:other") }, soon())).toMatchObject({
        content: sha256(APP),
      });
    }
  });

  test.for([
    ["a tag that is not there", "team/app:none", "ERR_ARTIFACT_NOT_FOUND"],
    ["a repository that is not there", "nobody/app:1", "ERR_ARTIFACT_NOT_FOUND"],
  ] as const)("says so of %s", async ([, name, code], { expect }) => {
    await using rig = await artifactRig({ registries: insecure() });
    await expect(rig.store.fetch({ reference: at(name) }, soon())).rejects.toMatchObject({ code });
  });

  test("is unreachable when it is not there, or speaks another protocol", async ({ expect }) => {
    await using rig = await artifactRig();
    const failure = rig.store.fetch({ reference: at("team/app:1.2") }, soon());
    await expect(failure).rejects.toMatchObject({ code: "ERR_ARTIFACT_UNREACHABLE" });
    await using gone = await artifactRig({ registries: { "127.0.0.1:1": { insecure: true } } });
    const refused = gone.store.fetch({ reference: "127.0.0.1:1/a:1" }, soon());
    await expect(refused).rejects.toMatchObject({
      code: "ERR_ARTIFACT_UNREACHABLE",
      message: expect.stringContaining("127.0.0.1:1"),
    });
  });

  test("refuses are told before anything is fetched: too large, another digest", async ({ expect }) => {
    await push(at("team/big:1"), APP);
    await using rig = await artifactRig({ registries: insecure(), maxArtifact: kibibytes(200) });
    const reference = at("team/big:1");
    await expect(rig.store.fetch({ reference }, soon())).rejects.toMatchObject({ code: "ERR_ARTIFACT_TOO_LARGE" });
    const want = sha256(Buffer.from("another"));
    await expect(rig.store.fetch({ reference, want }, soon())).rejects.toMatchObject({ code: "ERR_COMPONENT_DIGEST" });
    expect(await readdir(rig.folder).catch(() => [])).toEqual([]);
  });

  test("may be followed to other hosts, where credentials are not shown", async ({ expect }) => {
    await push(at("team/elsewhere:1"), APP);
    await using folder = await tempFolder();
    const passwordFile = join(folder.path, "password");
    await writeFile(passwordFile, "secret\n");
    await using second = await startRedirection(() => `http://${registry.host}`);
    await using first = await startRedirection(() => `http://${second.host}`, "Basic bWU6c2VjcmV0");
    await using rig = await artifactRig({ registries: { [first.host]: { insecure: true, user: "me", passwordFile } } });
    await rig.store.fetch({ reference: `${first.host}/team/elsewhere:1` }, soon());
    expect(first.authorizations).toContain("Basic bWU6c2VjcmV0");
    expect(second.authorizations.length).toBeGreaterThanOrEqual(2);
    expect(second.authorizations.every((one) => one === undefined)).toBe(true);
  });

  test("is asked through a proxy that the environment names", async ({ expect }) => {
    await push(at("team/proxied:1"), APP);
    const asked: (string | undefined)[] = [];
    const proxy = createServer((request, response) => {
      asked.push(request.url);
      const onward = ask(request.url ?? "", { headers: request.headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(response);
      });
      onward.end();
    });
    await using server = await listening(proxy);
    await using rig = await artifactRig({ registries: insecure(), env: { HTTP_PROXY: `http://${server.host}` } });
    expect(await rig.store.fetch({ reference: at("team/proxied:1") }, soon())).toMatchObject({ content: sha256(APP) });
    expect(asked).toContain(`http://${registry.host}/v2/team/proxied/manifests/1`);
  });

  describe("through a link that is cut", () => {
    test("a second try transfers what was missing", async ({ expect }) => {
      const big = wasmLike(8_000_000, "big");
      await push(at("team/cut:1"), big);
      await using link = await startTcpProxy({ port: registry.port });
      const host = `127.0.0.1:${link.port}`;
      await using rig = await artifactRig({ registries: { [host]: { insecure: true } } });
      // On loopback at full speed, megabytes are in the system's buffers that no device would have there.
      link.throttle(8_000_000);
      let passed = 0;
      link.onDownload((bytes) => {
        passed += bytes;
        if (passed >= big.byteLength * 0.7) link.cut();
      });
      const reference = `${host}/team/cut:1`;
      await expect(rig.store.fetch({ reference }, soon())).rejects.toMatchObject({ code: "ERR_ARTIFACT_UNREACHABLE" });
      const before = passed;
      expect(before).toBeLessThan(big.byteLength * 0.75);
      link.onDownload((bytes) => (passed += bytes));
      link.mend();
      const artifact = await rig.reopen().fetch({ reference }, soon());
      const second = passed - before;
      process.stderr.write(
        `After a cut at ${((before / big.byteLength) * 100).toFixed(1)} % the second try took ${((second / big.byteLength) * 100).toFixed(1)} % over the link\n`,
      );
      expect(second).toBeLessThan(big.byteLength * 0.4);
      expect(sha256(await readFile(artifact.file))).toBe(sha256(big));
    });

    test("one fetch lives through cuts by itself", async ({ expect }) => {
      const big = wasmLike(4_000_000, "cuts");
      await push(at("team/cuts:1"), big);
      await using link = await startTcpProxy({ port: registry.port });
      const host = `127.0.0.1:${link.port}`;
      await using rig = await artifactRig({ registries: { [host]: { insecure: true } } });
      link.throttle(8_000_000);
      let [passed, cuts] = [0, 0];
      link.onDownload((bytes) => {
        passed += bytes;
        if (passed < (cuts + 1) * 1_000_000 || cuts === 3) return;
        cuts++;
        link.cut();
        setTimeout(() => link.mend(), 1);
      });
      const artifact = await rig.store.fetch({ reference: `${host}/team/cuts:1` }, soon());
      expect(cuts).toBe(3);
      expect(sha256(await readFile(artifact.file))).toBe(sha256(big));
      expect(passed).toBeLessThan(big.byteLength * 1.2);
    });

    test("a link on which nothing moves is given up, one that is slow is not", async ({ expect }) => {
      await push(at("team/slow:1"), APP);
      await using link = await startTcpProxy({ port: registry.port });
      const host = `127.0.0.1:${link.port}`;
      await using rig = await artifactRig({ registries: { [host]: { insecure: true } }, stall: millis(300) });
      const reference = `${host}/team/slow:1`;
      let passed = 0;
      link.onDownload((bytes) => {
        passed += bytes;
        if (passed > 100_000) link.stall();
      });
      await expect(rig.store.fetch({ reference }, soon())).rejects.toMatchObject({ code: "ERR_ARTIFACT_UNREACHABLE" });
      link.onDownload(() => {});
      link.unstall();
      link.delay(100);
      expect(await rig.store.fetch({ reference }, soon())).toMatchObject({ content: sha256(APP) });
    });
  });

  describe("and the disk", () => {
    test("a file that was damaged is noticed, and fetched again", async ({ expect }) => {
      await push(at("team/damaged:1"), APP);
      await using rig = await artifactRig({ registries: insecure() });
      const request = { reference: at("team/damaged:1") };
      const { file } = await rig.store.fetch(request, soon());
      const wrong = Buffer.from(APP);
      wrong[1234]! ^= 1;
      await writeFile(file, wrong);
      expect(await rig.store.recall(request, soon())).toBeUndefined();
      expect(await rig.store.fetch(request, soon())).toMatchObject({ content: sha256(APP) });
      expect(await readFile(file)).toEqual(APP);
      await truncate(file, 100);
      expect(await rig.store.recall(request, soon())).toBeUndefined();
    });

    test("what components have and had before stays; the rest goes when room is needed, the longest unused first", async ({
      expect,
    }) => {
      const sizes = { maxSize: bytes(1_000_000) };
      await using rig = await artifactRig({ registries: insecure(), ...sizes });
      const all = Array.from({ length: 6 }, (_, i) => wasmLike(300_000, `evict ${i}`));
      for (const [i, one] of all.entries()) await push(at(`team/evict:${i}`), one);
      const get = (i: number, component?: string) =>
        rig.store.fetch({ reference: at(`team/evict:${i}`), component }, soon());
      await get(0, "app");
      await get(1);
      await get(2, "app");
      await get(3);
      await get(4);
      const there = async (): Promise<number[]> => {
        const found = new Set((await rig.store.list()).artifacts.map(({ content }) => content));
        return all.flatMap((one, i) => (found.has(sha256(one)) ? [i] : []));
      };
      // 0 and 2 are the component's; of the others only one fits beside them.
      expect(await there()).toEqual([0, 2, 4]);
      const refs = (await rig.store.list()).artifacts.flatMap(({ references }) =>
        references.map((one) => one.reference),
      );
      expect(refs.sort()).toEqual([0, 2, 4].map((i) => at(`team/evict:${i}`)));

      expect((await rig.store.prune(true, soon())).removed.map(({ content }) => content)).toEqual([sha256(all[4]!)]);
      expect(await there()).toEqual([0, 2, 4]);
      await rig.store.prune(false, soon());
      expect(await there()).toEqual([0, 2]);

      await get(5, "app");
      await rig.store.prune(false, soon());
      expect(await there()).toEqual([2, 5]);
      await rig.store.retain([]);
      await rig.store.prune(false, soon());
      expect(await there()).toEqual([]);
    });

    test("a disk without room is said to be one, before anything is fetched", async ({ expect, skip }) => {
      const disk = await smallDisk();
      if (skipping(disk === undefined, "the artifact for a full disk", "no file system may be mounted here")) skip();
      await using small = disk!;
      await push(at("team/full:1"), APP);
      await using rig = await artifactRig({ registries: insecure(), folder: join(small.path, "artifacts") });
      await expect(rig.store.fetch({ reference: at("team/full:1"), component: "app" }, soon())).rejects.toMatchObject({
        code: "ERR_ARTIFACT_DISK",
      });
      expect((await rig.store.list()).parts).toEqual([]);
    });

    test("records that cannot be read are as good as none", async ({ expect }) => {
      await push(at("team/records:1"), APP);
      await using rig = await artifactRig({ registries: insecure() });
      const request = { reference: at("team/records:1"), component: "app" };
      await rig.store.fetch(request, soon());
      for (const folder of ["refs", "uses"]) {
        for (const name of await readdir(join(rig.folder, folder)))
          await writeFile(join(rig.folder, folder, name), "{");
      }
      expect(await rig.store.recall(request, soon())).toBeUndefined();
      expect(await rig.store.fetch(request, soon())).toMatchObject({ content: sha256(APP) });
      await rm(rig.folder, { recursive: true });
      expect(await rig.store.recall(request, soon())).toBeUndefined();
      await rig.store.retain(["app"]);
    });

    test("two who want the same fetch it once, and one store waits for another's download", async ({ expect }) => {
      const big = wasmLike(2_000_000, "shared");
      await push(at("team/shared:1"), big);
      await using link = await startTcpProxy({ port: registry.port });
      const host = `127.0.0.1:${link.port}`;
      await using rig = await artifactRig({ registries: { [host]: { insecure: true } } });
      let passed = 0;
      link.onDownload((bytes) => (passed += bytes));
      const other = rig.reopen();
      const fetches = [rig.store, rig.store, other].map((store, i) =>
        store.fetch({ reference: `${host}/team/shared:1`, component: `c${i}` }, soon()),
      );
      const files = new Set((await Promise.all(fetches)).map(({ file }) => file));
      expect(files.size).toBe(1);
      expect(passed).toBeLessThan(big.byteLength * 1.1);
      expect(await readFile([...files][0]!)).toEqual(big);
    });
  });

  test("what the trust check refuses is not used, and its refusal is what is said", async ({ expect }) => {
    await push(at("team/refused:1"), APP);
    const refuse = async (): Promise<never> => {
      throw new PetioleError("ERR_COMPONENT_INVALID", "Nobody known signed it");
    };
    await using rig = await artifactRig({ registries: insecure() });
    const request = { reference: at("team/refused:1"), component: "app" };
    const strict = rig.reopen({ verify: refuse });
    await expect(strict.fetch(request, soon())).rejects.toThrow("Nobody known");
    expect((await strict.list()).artifacts[0]?.components).toEqual([{ component: "app", role: "next" }]);
    // Also one that was trusted before.
    await rig.store.fetch(request, soon());
    await expect(strict.recall(request, soon())).rejects.toThrow("Nobody known");
  });

  test("a file of the device is copied, and works when the original is gone", async ({ expect }) => {
    await using folder = await tempFolder();
    const original = join(folder.path, "a.wasm");
    await writeFile(original, APP);
    await using rig = await artifactRig();
    const request = { reference: spelled(`file://${original}`) };
    const artifact = await rig.store.fetch(request, soon());
    expect(artifact).toMatchObject({ digest: sha256(APP), content: sha256(APP) });
    await rm(original);
    await expect(rig.store.fetch(request, soon())).rejects.toMatchObject({ code: "ERR_ARTIFACT_NOT_FOUND" });
    expect(await rig.store.recall(request, soon())).toEqual(artifact);
  });

  test("with TLS wants an authority that is trusted", async ({ expect }) => {
    await using folder = await tempFolder();
    const authority = await createAuthority(folder.path);
    await using secure = await startRegistry({ binary: binary!, tls: await authority.server("registry") });
    const settings = { caFile: authority.ca };
    await push(`${secure.host}/app:1`, APP, settings);
    await using rig = await artifactRig({ registries: { [secure.host]: settings } });
    expect(await rig.store.fetch({ reference: `${secure.host}/app:1` }, soon())).toMatchObject({
      content: sha256(APP),
    });
    await using stranger = await artifactRig({ stall: seconds(5) });
    await expect(stranger.store.fetch({ reference: `${secure.host}/app:1` }, soon())).rejects.toMatchObject({
      code: "ERR_ARTIFACT_UNREACHABLE",
      message: expect.stringMatching(/certificate/),
    });
  });
});
