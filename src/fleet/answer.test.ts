import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base } from "vitest";
import { createKey, type KeyText } from "../enrolment/keys.ts";
import { formatRequest, type Payload, type Purpose } from "../enrolment/protocol.ts";
import { answerDevice, type FleetFacts } from "./answer.ts";
import { openRegistry } from "./registry.ts";

const NOW = 1_800_000_000;
const ACCOUNT = createKey("account").publicKey;
const [signer, enrolment, tokenKey] = [createKey("account"), createKey("account"), createKey("user")];

interface Keys {
  readonly key: KeyText;
  readonly recovery: KeyText;
}
const newKeys = (): Keys => ({ key: createKey("user"), recovery: createKey("user") });

/** A fleet with one token, and what a device of the name gw-1 asks it. */
function createDesk(folder: string) {
  const path = join(folder, "fleet.db");
  let registry = openRegistry(path);
  registry.transaction(() => {
    const permissions = { publish: [], subscribe: [] };
    registry.saveProfile({ name: "default", key: signer.publicKey, seed: signer.seed, permissions });
    registry.addToken({
      key: tokenKey.publicKey,
      device: "gw-1",
      profile: "default",
      created: NOW,
      expires: NOW + 60,
      uses: 1,
      replaces: 0,
      labels: "{}",
    });
  });
  const facts = (): FleetFacts => ({ registry, account: ACCOUNT, enrolment, lifetime: 600 });
  const ask = (purpose: Purpose, asker: KeyText, { key, recovery }: Keys, change: Partial<Payload> = {}, now = NOW) => {
    const device = { v: 1, fleet: ACCOUNT, name: "gw-1", facts: {} } as const;
    const payload = { ...device, purpose, key: key.publicKey, recovery: recovery.publicKey, ...change };
    const request = purpose === "confirm" ? "renew" : purpose;
    const body = formatRequest(payload, [asker, key, recovery]);
    const { answer } = answerDevice(facts(), { request, key: asker.publicKey, body }, now);
    return answer.ok ? "ok" : answer.refusal;
  };
  return {
    ask,
    device: () => registry.device("gw-1"),
    used: () => registry.token(tokenKey.publicKey)?.used,
    revoke: () => registry.transaction(() => registry.revokeDevice("gw-1", NOW)),
    revocations: () => registry.revocations(NOW).map(({ key }) => key),
    crowd: () => {
      for (let i = 0; i < 24; i++) registry.keepKey(`U${i}`, "gw-1", "link", NOW + 600);
    },
    /** What a process that is started again finds. */
    reopen: () => {
      registry[Symbol.dispose]();
      registry = openRegistry(path);
    },
    [Symbol.dispose]: () => registry[Symbol.dispose](),
  };
}

const test = base.extend<{ desk: ReturnType<typeof createDesk> }>({
  // oxlint-disable-next-line no-empty-pattern -- the form of a fixture without others
  desk: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), "petiole-fleet-"));
    using desk = createDesk(folder);
    await use(desk);
    rmSync(folder, { recursive: true });
  },
});

test("answerDevice() spends a token once, and answers its device again after a restart", ({ desk, expect }) => {
  const device = newKeys();
  expect(desk.ask("enrol", tokenKey, device)).toBe("ok");
  // The process ended before the answer was out.
  desk.reopen();
  expect(desk.ask("enrol", tokenKey, device)).toBe("ok");
  // Even when the token has expired meanwhile: the device has its place.
  expect(desk.ask("enrol", tokenKey, device, {}, NOW + 61)).toBe("ok");
  expect(desk.ask("enrol", tokenKey, newKeys())).toBe("token-spent");
  expect(desk.used()).toBe(1);
});

test("answerDevice() refuses what is not for this fleet, this token or this device", ({ desk, expect }) => {
  const device = newKeys();
  expect(desk.ask("enrol", tokenKey, device, { fleet: createKey("account").publicKey })).toBe("malformed");
  expect(desk.ask("enrol", createKey("user"), device)).toBe("unknown-token");
  expect(desk.ask("enrol", tokenKey, device, { name: "gw-2" })).toBe("name-mismatch");
  expect(desk.ask("enrol", tokenKey, device, {}, NOW + 60)).toBe("token-expired");
  expect(desk.ask("renew", device.key, newKeys())).toBe("unknown-device");
  expect(desk.used()).toBe(0);
});

test("answerDevice() takes new keys for the device's own once they are used", ({ desk, expect }) => {
  const [first, second] = [newKeys(), newKeys()];
  desk.ask("enrol", tokenKey, first);
  expect(desk.ask("renew", first.key, second)).toBe("ok");
  // The answer was lost: the same again.
  expect(desk.ask("renew", first.key, second)).toBe("ok");
  expect(desk.device()).toMatchObject({ key: first.key.publicKey, next_key: second.key.publicKey });
  expect(desk.ask("confirm", second.key, second)).toBe("ok");
  expect(desk.device()).toMatchObject({ key: second.key.publicKey, next_key: null, rotated: NOW });
  // A copy that was made before.
  expect(desk.ask("renew", first.key, newKeys())).toBe("superseded");
  expect(desk.ask("recover", first.recovery, newKeys())).toBe("superseded");
  expect(desk.ask("recover", second.recovery, newKeys())).toBe("ok");
  expect(desk.ask("renew", second.recovery, newKeys())).toBe("malformed");
  expect(desk.ask("renew", second.key, first)).toBe("key-known");
});

test("answerDevice() has nothing for a revoked device, and all its keys are shut out", ({ desk, expect }) => {
  const [first, second] = [newKeys(), newKeys()];
  desk.ask("enrol", tokenKey, first);
  desk.ask("renew", first.key, second);
  desk.revoke();
  const asked = [desk.ask("renew", first.key, newKeys()), desk.ask("recover", second.recovery, newKeys())];
  expect([...asked, desk.ask("enrol", tokenKey, first)]).toEqual(["revoked", "revoked", "revoked"]);
  // Not those of recovery: by them it learns that it was revoked.
  expect(desk.revocations()).toEqual([first.key.publicKey, second.key.publicKey].sort());
});

test("answerDevice() makes keys without end for nobody", ({ desk, expect }) => {
  const device = newKeys();
  desk.ask("enrol", tokenKey, device);
  desk.crowd();
  expect(desk.ask("renew", device.key, newKeys())).toBe("too-many-keys");
});
