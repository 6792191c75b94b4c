import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { parseConfig } from "../config/parse.ts";
import { directLogin } from "./process-login.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "petiole-login-"));
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

const creds = (jwt: string, seed: string): string =>
  [
    `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n`,
    "************************* IMPORTANT *************************\n",
    `-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`,
  ].join("\n");

function hub(more: string) {
  const { hub: parsed } = parseConfig(`device: { id: d }\nhub: { mode: direct, ${more} }`, join(folder, "p.yaml"));
  if (parsed === undefined) throw new Error("there is no hub");
  return parsed;
}

describe("directLogin()", () => {
  test("is the device's own, unless processes have credentials of their own", async ({ expect }) => {
    await writeFile(join(folder, "device.creds"), creds("eyJ.device", "SUADEVICE"));
    await writeFile(join(folder, "processes.creds"), creds("eyJ.processes", "SUAPROCESSES"));
    const parsed = hub("urls: [tls://h:4222], credentials_file: device.creds");
    expect(await directLogin(parsed, undefined)).toEqual({ url: "tls://h:4222", jwt: "eyJ.device", seed: "SUADEVICE" });
    expect(await directLogin(parsed, join(folder, "processes.creds"))).toEqual({
      url: "tls://h:4222",
      jwt: "eyJ.processes",
      seed: "SUAPROCESSES",
    });
    expect(await directLogin(hub("urls: [nats://h:4222]"), undefined)).toEqual({
      url: "nats://h:4222",
      jwt: "",
      seed: "",
    });
  });

  test.for([
    ["urls: [wss://h]", /it knows no websockets/],
    ["urls: [tls://h:4222], nkey_file: n", /with an nkey alone/],
    ["urls: [tls://h:4222], tls: { ca_file: ca.pem }", /neither of hub\.tls\.ca_file/],
    ["urls: [tls://h:4222], credentials_file: missing.creds", /missing\.creds" cannot be read/],
    ["urls: [tls://h:4222], credentials_file: p.yaml", /has no JWT with a seed/],
  ] as const)("says what a process cannot be told: %s", async ([more, reason], { expect }) => {
    await writeFile(join(folder, "p.yaml"), "device: {}");
    const refused = directLogin(hub(more), undefined);
    await expect(refused).rejects.toThrow(reason);
    await expect(refused).rejects.toMatchObject({ code: "ERR_EXECUTABLE_LOGIN" });
  });
});
