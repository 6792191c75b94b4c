// Contract: links, configurations and claims are the lattice's, in its buckets: every host answers for them, and this device
// works with its own copy of them while the hub, or its JetStream, is away. Back again, the hub's state wins.

import { jetstreamManager } from "@nats-io/jetstream";
import { Kvm, type KV } from "@nats-io/kv";
import { afterAll, beforeAll, describe, test } from "vitest";
import { freePort } from "../../support/ports.ts";
import { serverVersions } from "../../support/nats.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import { waitFor } from "../../support/wait-for.ts";
import { link, scaleCommand, SMOOTHER, startLatticeRig, type Json, type LatticeRig } from "./support.ts";

describe("the buckets", () => {
  let rig: LatticeRig;
  let data: KV;
  let configs: KV;
  beforeAll(async () => {
    rig = await startLatticeRig();
    const kvm = new Kvm(rig.client);
    data = await kvm.open("LATTICEDATA_default");
    configs = await kvm.open("CONFIGDATA_default");
  });
  afterAll(async () => await rig?.[Symbol.asyncDispose]());

  test("are made as every client makes them", async ({ expect }) => {
    const manager = await jetstreamManager(rig.client);
    for (const bucket of ["LATTICEDATA_default", "CONFIGDATA_default"]) {
      const { config } = await manager.streams.info(`KV_${bucket}`);
      expect(config).toMatchObject({
        subjects: [`$KV.${bucket}.>`],
        max_msgs_per_subject: 1,
        storage: "file",
        num_replicas: 1,
        max_age: 0,
        discard: "new",
        allow_rollup_hdrs: true,
        deny_delete: true,
        allow_direct: true,
        retention: "limits",
      });
    }
  });

  test("hold links and configurations in the form that other hosts read", async ({ expect }) => {
    await rig.ask("config.put.app-http", { address: "0.0.0.0:8080" });
    await rig.ask("link.put", link({ source_id: "web", target: "api", source_config: ["app-http"] }));
    expect((await data.get("COMPONENT_web"))?.json()).toEqual({
      url: "",
      links: [link({ source_id: "web", target: "api", source_config: ["app-http"] })],
    });
    expect((await configs.get("app-http"))?.json()).toEqual({ address: "0.0.0.0:8080" });
    const told = rig.next("component_scaled");
    await rig.ask("component.scale.{h}", scaleCommand(rig, {}));
    await told;
    expect((await data.get("COMPONENT_smooth"))?.json()).toEqual({ url: SMOOTHER, links: [] });
  });

  test("what another host writes is known here", async ({ expect }) => {
    await data.put("COMPONENT_far", JSON.stringify({ url: "x:1", links: [link({ source_id: "far", target: "kv" })] }));
    await configs.put("far-config", JSON.stringify({ a: "b" }));
    await data.put("LINKDEF_old", "whatever");
    await data.put("COMPONENT_broken", "{");
    await waitFor("both to be known", async () => {
      const { response } = await rig.ask("link.get");
      return (
        (response as Json[]).some((one) => one["source_id"] === "far") &&
        (await rig.ask("config.get.far-config")).response !== undefined
      );
    });
    expect((await rig.ask("config.get.far-config")).response).toEqual({ a: "b" });
    await data.delete("COMPONENT_far");
    await configs.purge("far-config");
    await waitFor("both to be gone", async () => {
      const { response } = await rig.ask("link.get");
      return (
        !(response as Json[]).some((one) => one["source_id"] === "far") &&
        (await rig.ask("config.get.far-config")).response === undefined
      );
    });
  });

  test("a configuration is set, got and deleted; one that is not there is no failure", async ({ expect }) => {
    const set = rig.next("config_set");
    expect(await rig.ask("config.put.one", { a: "1" })).toEqual({
      success: true,
      message: "successfully put config",
    });
    expect((await set).data).toEqual({ config_name: "one" });
    expect(await rig.ask("config.get.one")).toEqual({ success: true, message: "", response: { a: "1" } });
    const deleted = rig.next("config_deleted");
    expect((await rig.ask("config.del.one")).message).toBe("successfully deleted config");
    expect((await deleted).data).toEqual({ config_name: "one" });
    expect((await configs.get("one"))?.operation).toBe("PURGE");
    expect(await rig.ask("config.get.one")).toEqual({ success: true, message: "Configuration not found" });
    expect((await rig.ask("config.del.never")).success).toBe(true);
    // After a deletion too.
    expect((await rig.ask("config.put.one", { a: "2" })).success).toBe(true);
    expect((await configs.get("one"))?.json()).toEqual({ a: "2" });
    expect(await rig.ask("config.put.two", { a: 1 })).toEqual({
      success: false,
      message: "config data should be a map of string -> string",
    });
    expect(await rig.ask("config.get.a.b")).toEqual({ success: false, message: "unsupported subject" });
  });

  test("a link that exists with another target, and one with a config that does not, are refused", async ({
    expect,
  }) => {
    const failed = rig.next("linkdef_set_failed");
    expect(await rig.ask("link.put", link({ source_id: "web", target: "other" }))).toEqual({
      success: false,
      message:
        "link already exists with different target, consider deleting the existing link or using a different link name",
    });
    expect((await failed).data).toMatchObject({ ...link({ source_id: "web", target: "other" }) });
    expect((await failed).data["error"]).toMatch(/^link already exists/);
    const missing = await rig.ask("link.put", link({ source_id: "web", name: "n", target_config: ["gone"] }));
    expect(missing.success).toBe(false);
    expect(missing.message).toMatch(/^Failed to validate configuration and secrets\. .*gone/);
    // Another name or interface is another link, and the same again is fine.
    expect((await rig.ask("link.put", link({ source_id: "web", target: "other", name: "second" }))).success).toBe(true);
    expect(
      (await rig.ask("link.put", link({ source_id: "web", target: "other", interfaces: ["batch"] }))).success,
    ).toBe(true);
    expect((await rig.ask("link.put", link({ source_id: "web", target: "other", name: "second" }))).success).toBe(true);
    const { response } = await rig.ask("link.get");
    expect((response as Json[]).filter((one) => one["source_id"] === "web")).toHaveLength(3);
  });

  test("claims are told as clients of every age read them", async ({ expect }) => {
    const claims = {
      call_alias: "",
      issuer: "AI",
      name: "api",
      revision: "2",
      subject: "MS",
      tags: ["a", "b"],
      version: "1.0",
    };
    await data.put("CLAIMS_MS", JSON.stringify(claims));
    await data.put("CLAIMS_VS", JSON.stringify({ iss: "AI", name: "kv", rev: "0", sub: "VS", version: "2" }));
    await data.put("CLAIMS_XX", "nothing");
    const maps = await waitFor("the claims", async () => {
      const { response } = await rig.ask("claims.get");
      return (response as Json[]).length === 2 && (response as Json[]);
    });
    expect(maps).toEqual([
      {
        call_alias: "",
        iss: "AI",
        issuer: "AI",
        name: "api",
        rev: "2",
        revision: "2",
        sub: "MS",
        subject: "MS",
        tags: "a,b",
        version: "1.0",
      },
      {
        iss: "AI",
        issuer: "AI",
        name: "kv",
        rev: "0",
        revision: "0",
        sub: "VS",
        subject: "VS",
        version: "2",
        config_schema: "",
      },
    ]);
  });

  test("what is asked of the lattice is answered by one host, also beside hosts of another make", async ({
    expect,
  }) => {
    const groups = {
      "link.*": "wasmbus.ctl.v1.default.link",
      "claims.get": "wasmbus.ctl.v1.default.claims",
      "config.>": "wasmbus.ctl.v1.default.config",
    };
    let others = 0;
    const subscriptions = Object.entries(groups).map(([subject, queue]) =>
      rig.client.subscribe(`wasmbus.ctl.v1.default.${subject}`, {
        queue,
        callback: (_error, message) => {
          others += 1;
          message.respond(JSON.stringify({ success: true, message: "other", response: [] }));
        },
      }),
    );
    await rig.client.flush();
    const answers: string[] = [];
    for (const verb of ["link.get", "claims.get", "config.get.one"]) {
      const all = await Promise.all(Array.from({ length: 20 }, () => rig.collect(verb, undefined)));
      expect(all.every((replies) => replies.length === 1)).toBe(true);
      answers.push(...all.flatMap((replies) => replies.map(({ message }) => message)));
    }
    for (const subscription of subscriptions) subscription.unsubscribe();
    // The server chooses at random: both had some.
    expect(answers.filter((message) => message === "other")).toHaveLength(others);
    expect(others).toBeGreaterThan(0);
    expect(others).toBeLessThan(60);
  });

  test("many links of one source at a time are all kept, also when another host writes meanwhile", async ({
    expect,
  }) => {
    expect((await rig.ask("link.put", link({ source_id: "busy" }))).success).toBe(true);
    const names = Array.from({ length: 24 }, (_, i) => `n${i}`);
    const other = (async () => {
      for (let i = 0; i < 10; i++) {
        const entry = await data.get("COMPONENT_busy");
        const record =
          entry === null || entry.operation !== "PUT"
            ? { url: "", links: [] }
            : entry.json<{ url: string; links: Json[] }>();
        const links = [...record.links, link({ source_id: "busy", name: `other${i}` })];
        await data
          .update("COMPONENT_busy", JSON.stringify({ ...record, links }), entry?.revision ?? 0)
          .catch(() => i--);
      }
    })();
    const replies = await Promise.all(names.map((name) => rig.ask("link.put", link({ source_id: "busy", name }))));
    await other;
    expect(replies.every(({ success }) => success)).toBe(true);
    const { links } = (await data.get("COMPONENT_busy"))?.json<{ links: Json[] }>() ?? { links: [] };
    expect(links).toHaveLength(35);
  });
});

describe("without the hub", () => {
  test("back again, what was changed and deleted there counts, and what did not change is not touched", async ({
    expect,
  }) => {
    await using stack = new AsyncDisposableStack();
    let hubPort = 0;
    const proxy = stack.use(await startTcpProxy({ port: () => hubPort }));
    const rig = stack.use(
      await startLatticeRig({
        onHub: (hub) => (hubPort = hub.port),
        config: { hub: { mode: "direct", urls: [`nats://127.0.0.1:${proxy.port}`] } },
      }),
    );
    const kvm = new Kvm(rig.client);
    const [data, configs] = [await kvm.open("LATTICEDATA_default"), await kvm.open("CONFIGDATA_default")];
    await rig.ask("config.put.a", { limit: "10" });
    await rig.ask("config.put.b", { limit: "20" });
    const links = [link({ target: "kv" }), link({ source_id: "steady", target: "kv" })];
    for (const one of links) await rig.ask("link.put", one);
    for (const [id, config] of [
      ["smooth", ["a"]],
      ["steady", ["b"]],
    ] as const) {
      const told = rig.next("component_scaled");
      await rig.ask("component.scale.{h}", scaleCommand(rig, { component_id: id, config }));
      await told;
    }
    const starts = (id: string): number =>
      rig.agent
        .output()
        .split("\n")
        .filter((line) => line.includes("Component started") && line.includes(`"component":"${id}"`)).length;
    const steady = starts("steady");

    proxy.cut();
    await waitFor("the link to be down", async () => (await rig.agent.status()).lattice?.state === "connecting");
    await configs.put("a", JSON.stringify({ limit: "11" }));
    await configs.put("c", JSON.stringify({ limit: "30" }));
    await data.purge("COMPONENT_smooth");
    // Without a trace.
    await (
      await jetstreamManager(rig.client)
    ).streams.purge("KV_LATTICEDATA_default", {
      filter: "$KV.LATTICEDATA_default.COMPONENT_smooth",
    });
    expect((await rig.agent.status()).components.map(({ state }) => state)).toEqual(["running", "running"]);
    proxy.mend();
    await waitFor("the new state", async () => {
      const { response } = await rig.ask("config.get.c");
      return response !== undefined && starts("smooth") === 2;
    });
    expect((await rig.ask("config.get.a")).response).toEqual({ limit: "11" });
    const { response } = await rig.ask("link.get");
    expect(response).toEqual([links[1]]);
    expect(starts("steady")).toBe(steady);
  });

  test("a hub without JetStream: links, configurations and workloads work, and are remembered", async ({ expect }) => {
    await using rig = await startLatticeRig({ nats: { jetstream: false } });
    expect((await rig.ask("config.put.limits", { limit: "40", factor: "1" })).success).toBe(true);
    expect((await rig.ask("link.put", link({ target_config: ["limits"] }))).success).toBe(true);
    const told = rig.next("component_scaled");
    await rig.ask("component.scale.{h}", scaleCommand(rig, { config: ["limits"] }));
    await told;
    expect((await rig.agent.status()).lattice).toMatchObject({ buckets: "local", state: "joined" });
    expect(await rig.agent.stop("SIGTERM")).toBe(0);
    await rig.agent.start();
    expect((await rig.agent.status()).components.map(({ id, state }) => [id, state])).toEqual([["smooth", "running"]]);
    const replies = await waitFor("the host to listen", async () => {
      const { response } = await rig.ask("link.get");
      return response as Json[];
    });
    expect(replies).toEqual([link({ target_config: ["limits"] })]);
    expect((await rig.ask("config.get.limits")).response).toEqual({ limit: "40", factor: "1" });
    await rig.ask("config.del.limits");
    expect((await rig.ask("config.get.limits")).response).toBeUndefined();
  });
});

describe.for(await serverVersions())("at nats-server $name", ({ binary, skip }) => {
  test.skipIf(skip !== undefined)(
    "a bucket that is lost takes nothing away, and what was changed meanwhile comes into the new one",
    async ({ expect }) => {
      await using rig = await startLatticeRig({ nats: { binary } });
      await waitFor("the buckets", async () => (await rig.agent.status()).lattice?.buckets === "shared");
      await rig.ask("config.put.kept", { a: "1" });
      const manager = await jetstreamManager(rig.client);
      await manager.streams.delete("KV_CONFIGDATA_default");
      // Nothing takes it now but the device's own copy.
      expect((await rig.ask("config.put.meanwhile", { b: "2" })).success).toBe(true);
      expect((await rig.ask("config.get.meanwhile")).response).toEqual({ b: "2" });
      await waitFor("the new bucket to have it", async () => {
        const entry = await (await new Kvm(rig.client).open("CONFIGDATA_default")).get("meanwhile");
        return entry?.string() === '{"b":"2"}';
      });
      expect((await rig.ask("config.get.kept")).response).toEqual({ a: "1" });
    },
  );

  test.skipIf(skip !== undefined)(
    "in leaf mode the host is reached through the leaf node, and uses the buckets of the hub's domain",
    async ({ expect }) => {
      const [listen, monitor] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
      await using rig = await startLatticeRig({
        nats: { binary, domain: "hub", leafnodes: true },
        config: (hub) => ({ hub: { urls: [hub.leafUrl], domain: "hub" }, leaf: { listen, monitor, server: binary } }),
      });
      await waitFor("the buckets", async () => (await rig.agent.status()).lattice?.buckets === "shared");
      expect((await rig.ask("config.put.limits", { limit: "40" })).success).toBe(true);
      const configs = await new Kvm(rig.client).open("CONFIGDATA_default");
      expect((await configs.get("limits"))?.json()).toEqual({ limit: "40" });
      const told = rig.next("component_scaled");
      await rig.ask("component.scale.{h}", scaleCommand(rig, { config: ["limits"] }));
      expect((await told).data).toMatchObject({ image_ref: SMOOTHER, max_instances: 1 });
      const [ping] = await rig.collect("host.ping", undefined);
      expect(ping?.response).toMatchObject({ id: rig.host, js_domain: "hub" });
      await configs.put("limits", JSON.stringify({ limit: "41" }));
      await waitFor("the change", async () => {
        const { response } = await rig.ask("config.get.limits");
        return (response as Json)["limit"] === "41";
      });
      await rig.ask("config.del.limits");
      expect((await configs.get("limits"))?.operation).toBe("PURGE");
    },
  );
});
