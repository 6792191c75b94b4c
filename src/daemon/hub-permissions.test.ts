import { test } from "vitest";
import { parseConfig } from "../config/parse.ts";
import { permissionsOf } from "./hub-permissions.ts";

const permissions = (more: string) =>
  permissionsOf(
    parseConfig(
      `device: { id: d }\nhub: { mode: direct, urls: [nats://h:4222] }\n${more}`,
      "/etc/petiole/petiole.yaml",
    ),
  );

test("permissionsOf() lets provider processes be talked to, where there may be any", ({ expect }) => {
  const spoken = "wasmbus.rpc.works.>";
  const without = permissions("lattice: { name: works }");
  expect(without.publish).toContain(spoken);
  expect(without.subscribe).not.toContain(spoken);
  for (const config of [
    "lattice: { name: works, executables: { from_outside: true } }",
    "lattice: { name: works }\nproviders: { kv: { type: executable, config: { file: /kv } } }",
  ]) {
    expect(permissions(config).subscribe).toEqual(expect.arrayContaining([spoken, "_INBOX.>"]));
  }
});

test("permissionsOf() gives a device nothing for processes that have a log-in of their own", ({ expect }) => {
  const { subscribe } = permissions(
    "lattice: { name: works, executables: { from_outside: true, credentials_file: /p.creds } }",
  );
  expect(subscribe).not.toContain("_INBOX.>");
  expect(subscribe).toContain("_INBOX.d.>");
});

test("permissionsOf() lets images of provider processes be fetched from object stores", ({ expect }) => {
  const { publish } = permissions(
    'providers: { kv: { type: executable, config: { image: "nats-object://provs/kv" } } }\nlattice: { name: works }',
  );
  expect(publish).toContain("$JS.API.STREAM.MSG.GET.OBJ_provs");
});

test("permissionsOf() lets what the hub's document names be fetched from the object stores that are meant for it", ({
  expect,
}) => {
  const reads = (bucket: string) => `$JS.API.STREAM.MSG.GET.OBJ_${bucket}`;
  expect(permissions("").publish).toEqual(expect.arrayContaining(["components", "releases"].map(reads)));
  const other = "device: { id: d }\nhub: { mode: direct, urls: [nats://h:4222], object_buckets: [mine] }";
  const { publish } = permissionsOf(parseConfig(other, "/petiole.yaml"));
  expect(publish).toContain(reads("mine"));
  expect(publish).not.toContain(reads("releases"));
});

test("permissionsOf() lets buckets of key-value providers be used, and made where the provider makes them", ({
  expect,
}) => {
  const used = permissions("providers: { a: { type: keyvalue-nats }, b: { type: keyvalue-sqlite } }").publish;
  expect(used).toEqual(expect.arrayContaining(["$KV.petiole.>", "$JS.API.STREAM.MSG.GET.KV_petiole"]));
  expect(used).not.toContain("$JS.API.STREAM.CREATE.KV_petiole");
  const made = permissions("providers: { a: { type: keyvalue-nats, config: { bucket: mine, create: {} } } }").publish;
  expect(made).toEqual(expect.arrayContaining(["$KV.mine.>", "$JS.API.STREAM.CREATE.KV_mine"]));
  const elsewhere = permissions(
    'providers: { a: { type: keyvalue-nats, config: { server: { urls: ["nats://other:4222"] } } } }',
  ).publish;
  expect(elsewhere).not.toContain("$KV.petiole.>");
});
