// Logging in at real registries: with a password (Basic), with tokens of a server that the registry names (Bearer), from
// settings and from docker's own file.

import { createHash, createPublicKey, generateKeyPairSync, randomUUID, sign, type KeyObject } from "node:crypto";
import { createServer, type Server } from "node:http";
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { RegistrySettings } from "../../../src/adapters/artifacts/oci/credentials.ts";
import { artifactRig, push, sha256, wasmLike } from "../../support/artifacts.ts";
import { tempFolder, type TempFolder } from "../../support/processes.ts";
import { startRegistry, testRegistryBinary, type TestRegistry } from "../../support/registry.ts";

const run = promisify(execFile);
const binary = await testRegistryBinary();
const soon = (): AbortSignal => AbortSignal.timeout(60_000);
const APP = wasmLike(50_000, "auth");
const USER = "device-7";
const PASSWORD = "s3cret: with a colon";
// Of PASSWORD, as htpasswd -B writes it: the registry takes only bcrypt.
const HTPASSWD = "$2y$04$9A7El/etrDU565FcaiDil.s3/f0o5a2DTEGaQtCRRRoRA8AaBDqFe";

describe.skipIf(binary === undefined)("a registry that lets in whom it knows", () => {
  let folder: TempFolder;
  let passwordFile: string;
  let wrongFile: string;
  let dockerConfig: string;

  beforeAll(async () => {
    folder = await tempFolder();
    passwordFile = join(folder.path, "password");
    wrongFile = join(folder.path, "wrong");
    dockerConfig = join(folder.path, "config.json");
    await writeFile(passwordFile, `${PASSWORD}\n`);
    await writeFile(wrongFile, "guess");
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  async function writeDockerConfig(key: string, entry: object): Promise<void> {
    await writeFile(dockerConfig, JSON.stringify({ auths: { [key]: entry }, credsStore: "desktop" }));
  }
  const code = async (fetching: Promise<unknown>): Promise<unknown> =>
    await fetching.then(
      () => "no error",
      (error: { code?: unknown }) => error.code,
    );

  describe("by a password", () => {
    let registry: TestRegistry;
    beforeAll(async () => {
      const path = join(folder.path, "htpasswd");
      await writeFile(path, `${USER}:${HTPASSWD}\n`);
      registry = await startRegistry({ binary: binary!, config: { auth: { htpasswd: { realm: "test", path } } } });
      await push(`${registry.host}/team/app:1`, APP, { insecure: true, user: USER, passwordFile });
    });
    afterAll(() => registry[Symbol.asyncDispose]());

    const fetchWith = async (settings: RegistrySettings, dockerConfigFile?: string): Promise<unknown> => {
      const registries = { [registry.host]: { insecure: true, ...settings } };
      await using rig = await artifactRig({
        registries,
        ...(dockerConfigFile === undefined ? {} : { dockerConfigFile }),
      });
      return await rig.store.fetch({ reference: `${registry.host}/team/app:1` }, soon());
    };

    test("takes the right one", async ({ expect }) => {
      expect(await fetchWith({ user: USER, passwordFile })).toMatchObject({ content: sha256(APP) });
    });

    test("takes it from docker's file", async ({ expect }) => {
      const auth = Buffer.from(`${USER}:${PASSWORD}`).toString("base64");
      for (const key of [registry.host, `http://${registry.host}/v2/`]) {
        await writeDockerConfig(key, { auth });
        expect(await fetchWith({}, dockerConfig)).toMatchObject({ content: sha256(APP) });
      }
    });

    test("refuses a wrong one, none, and a file that is not there", async ({ expect }) => {
      expect(await code(fetchWith({ user: USER, passwordFile: wrongFile }))).toBe("ERR_ARTIFACT_UNAUTHORIZED");
      expect(await code(fetchWith({}))).toBe("ERR_ARTIFACT_UNAUTHORIZED");
      expect(await code(fetchWith({ user: USER, passwordFile: "/nowhere" }))).toBe("ERR_ARTIFACT_UNAUTHORIZED");
      await writeDockerConfig("another.example", { auth: "eDp5" });
      expect(await code(fetchWith({}, dockerConfig))).toBe("ERR_ARTIFACT_UNAUTHORIZED");
      await writeFile(dockerConfig, "{");
      expect(await code(fetchWith({}, dockerConfig))).toBe("ERR_ARTIFACT_UNAUTHORIZED");
    });
  });

  describe("by tokens", () => {
    let registry: TestRegistry;
    let tokens: Server;
    let asked: URL[] = [];

    beforeAll(async () => {
      const { key, certificate } = await signingKey(folder.path);
      tokens = createServer((request, response) => {
        void (async () => {
          let body = "";
          for await (const chunk of request) body += String(chunk);
          const url = new URL(request.url ?? "", "http://tokens");
          if (request.method === "POST") url.search = body;
          asked.push(url);
          const login = Buffer.from(request.headers.authorization?.slice("Basic ".length) ?? "", "base64").toString();
          const known = login === `${USER}:${PASSWORD}` || url.searchParams.get("refresh_token") === "identity-1";
          const scope = url.searchParams.get("scope") ?? "";
          const open = scope.startsWith("repository:public/") && scope.endsWith(":pull");
          if (known || open) response.end(JSON.stringify({ token: makeToken(key, scope), expires_in: 300 }));
          else response.writeHead(401).end('{"errors":[{"message":"who are you"}]}');
        })();
      });
      await new Promise<void>((done) => tokens.listen(0, "127.0.0.1", done));
      const { port } = tokens.address() as { port: number };
      const token = {
        realm: `http://127.0.0.1:${port}/token`,
        service: "petiole-test",
        issuer: "petiole-test",
        rootcertbundle: certificate,
      };
      registry = await startRegistry({ binary: binary!, config: { auth: { token } } });
      for (const name of ["team/app:1", "public/app:1"]) {
        await push(`${registry.host}/${name}`, APP, { insecure: true, user: USER, passwordFile });
      }
    });
    afterAll(async () => {
      tokens.close();
      await registry[Symbol.asyncDispose]();
    });

    const fetchWith = async (name: string, settings: RegistrySettings, dockerConfigFile?: string): Promise<unknown> => {
      const registries = { [registry.host]: { insecure: true, ...settings } };
      await using rig = await artifactRig({
        registries,
        ...(dockerConfigFile === undefined ? {} : { dockerConfigFile }),
      });
      return await rig.store.fetch({ reference: `${registry.host}/${name}` }, soon());
    };

    test("gets one with the password, for reading alone, and once for all that it asks", async ({ expect }) => {
      asked = [];
      expect(await fetchWith("team/app:1", { user: USER, passwordFile })).toMatchObject({ content: sha256(APP) });
      expect(asked.map(({ search }) => new URLSearchParams(search).get("scope"))).toEqual(["repository:team/app:pull"]);
      expect(asked[0]?.searchParams.get("service")).toBe("petiole-test");
    });

    test("gets one without a name where everybody may read", async ({ expect }) => {
      expect(await fetchWith("public/app:1", {})).toMatchObject({ content: sha256(APP) });
      expect(await code(fetchWith("team/app:1", {}))).toBe("ERR_ARTIFACT_UNAUTHORIZED");
      expect(await code(push(`${registry.host}/public/app:2`, APP))).toBe("ERR_ARTIFACT_UNAUTHORIZED");
    });

    test("exchanges an identity token of docker's file", async ({ expect }) => {
      await writeDockerConfig(registry.host, { identitytoken: "identity-1" });
      expect(await fetchWith("team/app:1", {}, dockerConfig)).toMatchObject({ content: sha256(APP) });
      await writeDockerConfig(registry.host, { identitytoken: "identity-2" });
      expect(await code(fetchWith("team/app:1", {}, dockerConfig))).toBe("ERR_ARTIFACT_UNAUTHORIZED");
    });

    test("sends a token of a file as it is", async ({ expect }) => {
      const { port } = tokens.address() as { port: number };
      const scope = "repository:team/app:pull";
      const auth = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString("base64")}`;
      const url = `http://127.0.0.1:${port}/token?service=petiole-test&scope=${scope}`;
      const { token } = (await (await fetch(url, { headers: { authorization: auth } })).json()) as { token: string };
      const tokenFile = join(folder.path, "token");
      await writeFile(tokenFile, `${token}\n`);
      expect(await fetchWith("team/app:1", { tokenFile })).toMatchObject({ content: sha256(APP) });
      await writeFile(tokenFile, "stale");
      expect(await code(fetchWith("team/app:1", { tokenFile }))).toBe("ERR_ARTIFACT_UNAUTHORIZED");
    });
  });
});

/** A key and its certificate, which the registry trusts to sign tokens. */
async function signingKey(folder: string): Promise<{ readonly key: KeyObject; readonly certificate: string }> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const [keyFile, certificate] = [join(folder, "token.key"), join(folder, "token.pem")];
  await writeFile(keyFile, privateKey.export({ type: "pkcs8", format: "pem" }));
  const request = ["req", "-x509", "-new", "-key", keyFile, "-subj", "/CN=tokens", "-days", "2", "-out", certificate];
  await run("openssl", request);
  return { key: privateKey, certificate };
}

/** https://distribution.github.io/distribution/spec/auth/jwt/ */
function makeToken(key: KeyObject, scope: string): string {
  const [type = "", name = "", actions = ""] = scope.split(":");
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: "petiole-test",
    aud: "petiole-test",
    sub: USER,
    nbf: now - 10,
    iat: now,
    exp: now + 300,
    jti: randomUUID(),
    access: [{ type, name, actions: actions.split(",") }],
  };
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const payload = `${encode({ typ: "JWT", alg: "RS256", kid: keyId(key) })}.${encode(claims)}`;
  return `${payload}.${sign("RSA-SHA256", Buffer.from(payload), key).toString("base64url")}`;
}

/** libtrust's name of a key: 240 bits of its SHA-256 in base32, in groups of four. */
function keyId(key: KeyObject): string {
  const der = createPublicKey(key).export({ type: "spki", format: "der" });
  const hash = createHash("sha256").update(der).digest().subarray(0, 30);
  const bits = [...hash].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const text = (bits.match(/.{5}/g) ?? []).map((five) => alphabet[Number.parseInt(five, 2)]).join("");
  return (text.match(/.{4}/g) ?? []).join(":");
}
