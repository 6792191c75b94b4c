// Pins: secrets of a service of wasmCloud and of a bucket of the hub, over a real server: what is asked, what comes, and what
// each failure is called.

import { jetstreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { connect, headers } from "@nats-io/transport-node";
import { describe, test } from "vitest";
import { connectNats } from "../../../src/adapters/lattice/connection.ts";
import { createNatsPaths } from "../../../src/adapters/lattice/nats-paths.ts";
import { createBucketSecrets } from "../../../src/adapters/lattice/secrets/bucket.ts";
import { recallSecretsIdentity } from "../../../src/adapters/lattice/secrets/identity.ts";
import { createServiceSecrets } from "../../../src/adapters/lattice/secrets/service.ts";
import { SecretReference, type SecretContext, type SecretName } from "../../../src/domain/secret.ts";
import { seconds } from "../../../src/domain/units.ts";
import type { SecretBackend } from "../../../src/host/ports.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { readToken, startSecretsService } from "../../support/model-secrets.ts";
import { startNats } from "../../support/nats.ts";
import { waitFor } from "../../support/wait-for.ts";

async function openHub() {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startNats({ jetstream: true }));
  const connection = stack.use(connectNats({ servers: [server.url], name: "test", log: silentLogger }));
  await waitFor("the connection", () => connection.current() !== undefined);
  const { hub: nats } = createNatsPaths({
    hub: { connection, domain: undefined },
    name: "test",
    log: silentLogger,
    clock: systemClock,
  });
  const owned = stack.move();
  return { server, nats, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const reader =
  (backend: SecretBackend) =>
  async (name: SecretName, context?: SecretContext): Promise<unknown> =>
    await backend
      .read({ reference: new SecretReference(name, context), asker: "p" }, new AbortController().signal)
      .catch((error: { code: string }) => error.code);

describe("a secrets service", () => {
  test("gives text and bytes, told who asks, and is asked again when its key is another", async ({ expect }) => {
    await using hub = await openHub();
    await using service = await startSecretsService(hub.server.url);
    const saved = new Map<string, string>();
    const state = {
      load: async (name: string) => saved.get(name),
      save: async (name: string, text: string | undefined) => void saved.set(name, text ?? ""),
    };
    const identity = await recallSecretsIdentity({ device: "gw-1", state, clock: systemClock });
    const backend = createServiceSecrets({
      nats: hub.nats,
      prefix: "wasmcloud.secrets",
      service: "vault",
      refresh: seconds(60),
      tokens: async () => ({ entity: identity.entityToken(), host: identity.hostToken() }),
    });
    const read = reader(backend);
    service.values.set("api/token", "marker-text").set("key", Uint8Array.of(0xff, 0));
    const policy = '{"type":"properties.secret.wasmcloud.dev/v1alpha1","properties":{"a":"b"}}';
    expect(await read({ secret: "api/token", field: "f", version: "2" }, { application: "thermo", policy })).toBe(
      "marker-text",
    );
    expect(await read({ secret: "key" })).toEqual(Uint8Array.of(0xff, 0));
    const [first, second] = service.asked;
    expect(first).toMatchObject({ key: "api/token", field: "f", version: "2" });
    expect(first?.context.application).toEqual({ name: "thermo", policy });
    expect(second?.context.application).toEqual({
      policy: '{"type":"properties.secret.wasmcloud.dev/v1alpha1","properties":{}}',
    });
    const [entity, host] = [first?.context.entity_jwt, first?.context.host_jwt].map((token) => readToken(token ?? ""));
    expect([entity?.iss, entity?.sub, host?.iss]).toEqual([identity.issuer, identity.entity, identity.issuer]);
    expect(identity.entity).toMatch(/^V[A-Z2-7]{55}$/);
    expect(host?.sub).toMatch(/^N[A-Z2-7]{55}$/);
    expect(host?.wascap["labels"]).toEqual({ self_signed: "true" });
    // A device is known by the same keys after a restart.
    const again = await recallSecretsIdentity({ device: "gw-1", state, clock: systemClock });
    expect([again.entity, again.issuer]).toEqual([identity.entity, identity.issuer]);

    service.renewKey();
    expect(await read({ secret: "api/token" })).toBe("marker-text");
  });

  test("names each refusal by its code", async ({ expect }) => {
    await using hub = await openHub();
    const service = await startSecretsService(hub.server.url);
    const backend = createServiceSecrets({
      nats: hub.nats,
      prefix: "wasmcloud.secrets",
      service: undefined,
      refresh: seconds(60),
      tokens: async () => ({ entity: "", host: "" }),
    });
    const read = async (of: string): Promise<unknown> =>
      await reader(backend)({ secret: "x" }, { policy: "{}", service: of });
    const codes = [];
    for (const error of [
      "SecretNotFound",
      "Unauthorized",
      { PolicyError: "no" },
      "InvalidRequest",
      { UpstreamError: "x" },
    ]) {
      service.error = error;
      codes.push(await read("vault"));
    }
    expect(codes).toEqual([
      "ERR_SECRET_NOT_FOUND",
      "ERR_SECRET_DENIED",
      "ERR_SECRET_DENIED",
      "ERR_SECRET_INVALID",
      "ERR_SECRET_UNAVAILABLE",
    ]);
    expect(await read("a.b")).toBe("ERR_SECRET_INVALID");
    await service[Symbol.asyncDispose]();
    expect(await read("vault")).toBe("ERR_SECRET_UNAVAILABLE");
    await hub.server.kill();
    await waitFor("the connection to be gone", () => hub.nats.current() === undefined);
    expect(await read("vault")).toBe("ERR_SECRET_UNAVAILABLE");
  });
});

test("a bucket gives the last value of a key or a revision of it, and says what is not there", async ({ expect }) => {
  await using hub = await openHub();
  const client = await connect({ servers: hub.server.url });
  await using _client = { [Symbol.asyncDispose]: async () => await client.close() };
  const bucket = await new Kvm(client).create("secrets", { history: 5 });
  const first = await bucket.put("db", '{"password":"one"}');
  await bucket.put("db", '{"password":"two"}');
  await bucket.put("other", "x\n");
  await bucket.put("gone", "x");
  await bucket.delete("gone");
  // What a bucket leaves of a value that has become too old.
  const aged = headers();
  aged.set("Nats-Marker-Reason", "MaxAge");
  await client.request("$KV.secrets.aged", "", { headers: aged, timeout: seconds(20) });
  const read = reader(createBucketSecrets({ nats: hub.nats, bucket: "secrets", refresh: seconds(30) }));
  expect(await read({ secret: "db", field: "password" })).toBe("two");
  expect(await read({ secret: "db", field: "password", version: String(first) })).toBe("one");
  expect(await read({ secret: "other" })).toBe("x");
  for (const name of [
    { secret: "none" },
    { secret: "gone" },
    { secret: "aged" },
    { secret: "other", version: String(first) },
    { secret: "db", version: "x" },
    { secret: "*" },
    { secret: "db", field: "user" },
  ]) {
    expect(await read(name), JSON.stringify(name)).toBe("ERR_SECRET_NOT_FOUND");
  }
  expect(await read({ secret: "other", field: "f" })).toBe("ERR_SECRET_INVALID");
  await (await jetstreamManager(client)).streams.delete("KV_secrets");
  expect(await read({ secret: "db" })).toBe("ERR_SECRET_NOT_FOUND");
});
