import { describe, test } from "vitest";
import { componentId, translate, type ResolvedImage, type Surroundings, type Translation } from "./translate.ts";
import { newestHosts } from "./shared-hosts.ts";
import { outermost } from "./volumes.ts";
import { workloadSchema, type Workload } from "./wire.ts";

const around: Surroundings = {
  builtin: new Set(["wasi:config/store", "wasi:cli/environment", "wasi:http/outgoing-handler"]),
  providers: new Set(["buttons", "site"]),
  natsProviders: new Set(["site"]),
  httpListen: "127.0.0.1:8080",
  hostPaths: ["/srv/data"],
  volumesFolder: "/var/lib/petiole/volumes",
};

const workload = (more: object): Workload => workloadSchema.parse({ namespace: "default", name: "app-1", ...more });
const image = (imports: readonly string[], exports: readonly string[] = []): ResolvedImage => ({
  content: `sha256:${"0".repeat(64)}`,
  imports,
  exports,
});
const component = (name: string, more: object = {}) => ({ name, image: `registry.example/${name}`, ...more });

function translated(request: Workload, ...images: readonly ResolvedImage[]): Translation {
  const result = translate("uid", request, images, around);
  if ("problem" in result) throw new Error(result.problem);
  return result;
}
function problem(request: Workload, ...images: readonly ResolvedImage[]): string {
  const result = translate("uid", request, images, around);
  return "problem" in result ? result.problem : "";
}
const id = (request: Workload, index: number): string => componentId("uid", request, index);

describe("translate()", () => {
  test("gives a component its settings, environment, folders, network and instances", ({ expect }) => {
    const request = workload({
      witWorld: {
        components: [
          component("a", {
            poolSize: 3,
            maxConcurrency: 2,
            maxInvocations: 9,
            localResources: {
              memoryLimitMb: 64,
              cpuLimit: -1,
              config: { both: "own", own: "1" },
              environment: { both: "env" },
              allowedHosts: ["api.example:443"],
              volumeMounts: [
                { name: "scratch", mountPath: "/data/" },
                { name: "shared", mountPath: "/shared", readOnly: true },
                { name: "none", mountPath: "/none" },
              ],
            },
          }),
        ],
        hostInterfaces: [
          { namespace: "wasi", package: "config", interfaces: ["store"], config: { both: "entry", entry: "1" } },
        ],
      },
      volumes: [{ name: "scratch" }, { name: "shared", hostPath: { localPath: "/srv/data/site" } }],
    });
    const { components, links } = translated(request, image(["wasi:config/store@0.2.0-rc.1"]));
    expect(links).toEqual([]);
    expect(components).toMatchObject([
      {
        name: "a",
        image: "registry.example/a:latest",
        config: { both: "env", own: "1", entry: "1" },
        env: { both: "env" },
        memory: 64 * 1024 * 1024,
        instances: 6,
        recycleCalls: 9,
        network: ["api.example:443"],
        folders: [
          { guest: "/data", write: true },
          { host: "/srv/data/site", guest: "/shared", write: false, within: ["/srv/data"] },
        ],
      },
    ]);
    expect(components[0]?.folders[0]?.host).toMatch(/^\/var\/lib\/petiole\/volumes\/[0-9a-f]+\/0$/);
    expect(components[0]?.id).toMatch(/^app-1-a-[0-9a-f]{16}$/);
  });

  test("links a component to the one that exports what it imports, before it asks the host", ({ expect }) => {
    const request = workload({
      witWorld: {
        components: [component("a"), component("b")],
        hostInterfaces: [{ namespace: "wasi", package: "keyvalue", interfaces: ["store"] }],
      },
    });
    const exporter = image([], ["acme:math/add@1.0.0", "wasi:keyvalue/store@0.2.0-draft"]);
    expect(
      translated(request, image(["acme:math/add@1.0.0", "wasi:keyvalue/store@0.2.0-draft"]), exporter).links,
    ).toEqual([
      {
        name: "default",
        source: id(request, 0),
        target: id(request, 1),
        interfaces: ["acme:math/add", "wasi:keyvalue/store"],
        config: undefined,
      },
    ]);
    // The whole name counts, its version too.
    expect(problem(request, image(["acme:math/add@1.0.1"]), exporter)).toMatch(/"a" imports acme:math\/add@1\.0\.1/);
  });

  test("refuses what two others export, and components that wait for each other", ({ expect }) => {
    const request = workload({ witWorld: { components: [component("a"), component("b"), component("c")] } });
    const add = ["acme:math/add@1.0.0"];
    expect(problem(request, image(add), image([], add), image([], add))).toMatch(/more than one other/);
    expect(problem(request, image(add, ["x:y/z"]), image(["x:y/z"], add), image([]))).toMatch(
      /import each other: a, b/,
    );
  });

  test("keeps values by the name of the namespace, and in memory for a named interface", ({ expect }) => {
    const entry = { namespace: "wasi", package: "keyvalue", interfaces: ["store", "atomics"] };
    const request = (more: object) =>
      workload({ witWorld: { components: [component("a")], hostInterfaces: [{ ...entry, ...more }] } });
    const asks = image(["wasi:keyvalue/store@0.2.0-draft", "wasi:keyvalue/atomics@0.2.0-draft"]);
    expect(translated(request({}), asks)).toMatchObject({
      providers: [{ id: "operator-keyvalue", type: "keyvalue-sqlite" }],
      links: [{ interfaces: ["wasi:keyvalue/store", "wasi:keyvalue/atomics"], config: { namespace: "default" } }],
    });
    expect(translated(request({ name: "cache" }), asks)).toMatchObject({
      providers: [{ type: "keyvalue-memory" }],
      links: [{ name: "cache", config: { namespace: "default:cache" } }],
    });
    expect(problem(request({ name: "cache", config: { backend: "redis" } }), asks)).toMatch(/redis/);
  });

  test("delivers messages to whoever asked for subjects, and lets nobody at the control plane", ({ expect }) => {
    const request = (config: object, own: object = {}) =>
      workload({
        witWorld: {
          components: [component("a", { localResources: { config: own } })],
          hostInterfaces: [
            { namespace: "wasmcloud", package: "messaging", interfaces: ["consumer", "handler"], config },
          ],
        },
      });
    const both = image(["wasmcloud:messaging/consumer@0.2.0"], ["wasmcloud:messaging/handler@0.2.0"]);
    const links = (config: object, own?: object) =>
      translated(request(config, own), both).links.map(({ source, config }) => [
        source === "operator-messaging",
        config,
      ]);
    const nats = ["$JS.>", "$KV.>", "$O.>", "$SYS.>"];
    const deny = ["runtime.host.>", "runtime.operator.>", "wasmbus.>", "wadm.>", ...nats, "petiole.>", "petiole-in.>"];
    expect(links({})).toEqual([[false, { subscriptions: [], deny }]]);
    const queue = expect.stringMatching(/^wasmcloud\.default\.app-1\.a\.[0-9a-f]{16}$/) as string;
    const given = {
      deny,
      subscriptions: [
        { subject: "a.>", queue },
        { subject: "b", queue },
      ],
    };
    expect(links({ subscriptions: "a.>, b" })).toEqual([
      [false, given],
      [true, given],
    ]);
    expect(
      links({ subscriptions: "x", consumer_group: "g" }, { subscriptions: "y", consumer_group: "broadcast" }),
    ).toEqual([
      [false, { deny, subscriptions: [{ subject: "y" }] }],
      [true, { deny, subscriptions: [{ subject: "y" }] }],
    ]);
    const wild = [">", "runtime.>", "*.host.>", "runtime.*.heartbeat.*", "*.*", "_INBOX.>", "not valid.>, >"];
    const plain = ["runtime.host.gw-1.heartbeat", "_INBOX.a.b", "wasmbus.rpc.default.a", "petiole.gw-1.a"];
    for (const subject of [...wild, ...plain, "wadm.a", "$JS.API.>", "$KV.a.b", "$O.a.C.b", "$SYS.a", "petiole-in.a"]) {
      const found = problem(request({ subscriptions: `a, ${subject}` }), both);
      expect(found, subject).toMatch(/"a" (needs|has) wasmcloud:messaging\/\w+: subscriptions ".*": it would hear/);
    }
    for (const subject of ["*", "runtime", "runtime.x", "runtime.host", "petioles.>", "a.host.>", "*"]) {
      expect(problem(request({ subscriptions: subject }), both), subject).toBe("");
    }
  });

  test("lets nobody at the control plane by a provider of the device either", ({ expect }) => {
    const request = (config: object) =>
      workload({
        witWorld: {
          components: [component("a")],
          hostInterfaces: [
            { namespace: "wasmcloud", package: "messaging", interfaces: ["consumer", "handler"], name: "site", config },
          ],
        },
      });
    const asks = image(["wasmcloud:messaging/consumer@0.2.0"]);
    const [link] = translated(request({ subscriptions: '[{"subject":"a"}]', deny: '["b"]' }), asks).links;
    expect(link?.target).toBe("site");
    expect(link?.config).toMatchObject({ subscriptions: [{ subject: "a" }] });
    expect(link?.config).toHaveProperty("deny", expect.arrayContaining(["runtime.host.>", "$JS.>", "b"]));
    expect(translated(request({}), asks).links[0]?.config).toHaveProperty("deny", expect.arrayContaining(["wadm.>"]));
    expect(problem(request({ subscriptions: '[{"subject":"runtime.>"}]' }), asks)).toMatch(/it would hear/);
    const durable = '[{"subject":"a.>","durable":true},{"subject":">","durable":true}, 1, {"subject":2}]';
    expect(problem(request({ subscriptions: durable }), asks)).toBe("");
  });

  test("has requests answered by the first component that can, by exact names", ({ expect }) => {
    const request = (config: object) =>
      workload({
        witWorld: {
          components: [component("a"), component("b"), component("c")],
          hostInterfaces: [{ namespace: "wasi", package: "http", interfaces: ["incoming-handler"], config }],
        },
      });
    const web = image(["wasi:http/outgoing-handler@0.2.2"], ["wasi:http/incoming-handler@0.2.2"]);
    const names = { host: "hello.local", "host-aliases": "svc.default, not valid,svc.default.svc" };
    expect(translated(request(names), image([]), web, web)).toMatchObject({
      providers: [{ type: "http-server", config: { listen: "127.0.0.1:8080" } }],
      links: [
        {
          source: "operator-http",
          target: id(request(names), 1),
          interfaces: ["wasi:http/incoming-handler"],
          config: { hosts: ["hello.local", "svc.default", "svc.default.svc"] },
        },
      ],
    });
    expect(problem(request({}), image([]), web, web)).toMatch(/"b".*host/);
  });

  test("takes any patch of WASI for HTTP, and the very version for others", ({ expect }) => {
    const request = (entry: object) =>
      workload({ witWorld: { components: [component("a")], hostInterfaces: [{ namespace: "wasi", ...entry }] } });
    const http = { package: "http", version: "0.2.0", interfaces: ["incoming-handler"], config: { host: "a" } };
    expect(translated(request(http), image([], ["wasi:http/incoming-handler@0.2.3"])).links).toHaveLength(1);
    const store = { package: "keyvalue", interfaces: ["store"] };
    const asks = image(["wasi:keyvalue/store@0.2.0-draft"]);
    expect(translated(request({ ...store, version: "0.2.0-draft" }), asks).links).toHaveLength(1);
    expect(problem(request({ ...store, version: "0.2.0-draft2" }), asks)).toMatch(/no host interface/);
  });

  test("refuses names that are longer than those of Kubernetes", ({ expect }) => {
    expect(problem(workload({ name: "x".repeat(254) }))).toMatch(/too long/);
    expect(problem(workload({ name: "x".repeat(253) }))).toBe("");
  });

  test("links an entry that has the name of the device's own provider to it, with its configuration", ({ expect }) => {
    const request = workload({
      witWorld: {
        components: [component("a")],
        hostInterfaces: [
          {
            namespace: "petiole",
            package: "gpio",
            interfaces: ["edge-handler"],
            name: "buttons",
            config: { lines: "[4]" },
          },
        ],
      },
    });
    expect(translated(request, image([], ["petiole:gpio/edge-handler@0.1.0"]))).toMatchObject({
      providers: [],
      links: [{ source: "buttons", interfaces: ["petiole:gpio/edge-handler"], config: { lines: [4] } }],
    });
  });
});

test("outermost() leaves out what somebody could change who may write to another one", ({ expect }) => {
  expect(outermost(["/srv/a/b", "/srv/a", "/srv/ab", "/srv/a/"])).toEqual(["/srv/a", "/srv/ab", "/srv/a/"]);
});

test("newestHosts() leads a name to the workload that came last", ({ expect }) => {
  const link = (target: string, hosts: string[], source = "operator-http") => ({
    name: "default",
    source,
    target,
    interfaces: [],
    config: { hosts },
  });
  const found = newestHosts([
    link("old", ["a", "b"]),
    link("x", ["a"], "elsewhere"),
    link("older", ["A"]),
    link("new", ["a"]),
  ]);
  expect(found).toEqual([link("old", ["b"]), link("x", ["a"], "elsewhere"), link("new", ["a"])]);
});
