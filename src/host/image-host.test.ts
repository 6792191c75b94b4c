import { describe, test } from "vitest";
import { createFakeClock, type FakeClock } from "../../test/support/fake-clock.ts";
import { waitFor } from "../../test/support/wait-for.ts";
import { componentSpec, imageSpec } from "../../test/support/workloads.ts";
import { PetioleError } from "../domain/errors.ts";
import type { ComponentStatus } from "../domain/status.ts";
import { minutes, seconds } from "../domain/units.ts";
import type { DesiredState, WantedComponent, WantedState } from "../domain/workload.ts";
import { silentLogger } from "../lib/log.ts";
import type { Host } from "./host.ts";
import { createImageHost, type ImageHost } from "./image-host.ts";
import type { UpdateControl } from "./update/update-control.ts";
import type { Artifact, ArtifactRequest, FetchProgress } from "./ports.ts";

interface Fetch {
  readonly request: ArtifactRequest;
  readonly signal: AbortSignal;
  progress(progress: FetchProgress): void;
  bring(content: string): void;
  fail(code: PetioleError["code"]): void;
}

interface World {
  readonly images: ImageHost;
  /** Copies of what worked last. */
  readonly standIns: Map<string, { file: string; digest: string }>;
  readonly applied: DesiredState[];
  /** What the device has, by reference. */
  readonly cache: Map<string, string>;
  readonly fetches: Fetch[];
  readonly retained: string[][];
  readonly clock: FakeClock;
  /** The n-th fetch, from 0. */
  fetch(index: number): Promise<Fetch>;
  running(): string[];
  status(id: string): ComponentStatus;
}

const artifact = (reference: string, content: string): Artifact => ({
  reference,
  digest: `manifest of ${content}`,
  content,
  file: `/${content}.wasm`,
  size: 10,
});

/** A host that runs whatever it is given, and artifacts that come when the test says so. */
function createWorld(): World {
  const applied: DesiredState[] = [];
  const cache = new Map<string, string>();
  const fetches: Fetch[] = [];
  const retained: string[][] = [];
  const clock = createFakeClock();
  const status = (id: string, digest: string | undefined): ComponentStatus => ({
    id,
    state: "running",
    digest,
    trust: undefined,
    image: undefined,
    calls: 0,
    failures: 0,
    restarts: 0,
    degraded: false,
    instances: 1,
    memory: 0,
    reserved: 0,
    cpuTime: 0,
    breaches: {},
    lastError: undefined,
  });
  const standIns = new Map<string, { file: string; digest: string }>();
  const noUpdates: UpdateControl = {
    report: () => [],
    accept: async () => {},
    rollBack: async () => {},
    forgive: async () => {},
    retain: async () => {},
    accepted: async (component) => standIns.get(component),
    onOutcome: () => ({ [Symbol.dispose]: () => {} }),
  };
  const host: Host = {
    apply: async (desired) => void applied.push(desired),
    status: () => ({
      components: (applied.at(-1)?.components ?? []).map(({ id, digest }) => status(id, digest)),
      providers: [],
      links: [],
    }),
    fileOf: () => undefined,
    updates: noUpdates,
    checkLink: async () => {},
    probe: async () => {},
    [Symbol.asyncDispose]: async () => void applied.push({ components: [], providers: [], links: [] }),
  };
  const images = createImageHost({
    host,
    clock,
    log: silentLogger,
    artifacts: {
      recall: async ({ reference }) => {
        const content = cache.get(reference);
        return content === undefined ? undefined : artifact(reference, content);
      },
      fetch: (request, signal, onProgress) => {
        const { promise, resolve, reject } = Promise.withResolvers<Artifact>();
        signal.addEventListener("abort", () => reject(signal.reason as Error));
        fetches.push({
          request,
          signal,
          progress: (progress) => onProgress?.(progress),
          bring: (content) => {
            cache.set(request.reference, content);
            resolve(artifact(request.reference, content));
          },
          fail: (code) => reject(new PetioleError(code, `Cannot: ${code}`)),
        });
        return promise;
      },
      retain: async (components) => void retained.push([...components]),
    },
  });
  const wantedStatus = (id: string): ComponentStatus => {
    const found = images.status().components.find((one) => one.id === id);
    if (found === undefined) throw new Error(`no component ${id}`);
    return found;
  };
  return {
    images,
    standIns,
    applied,
    cache,
    fetches,
    retained,
    clock,
    fetch: (index) => waitFor(`fetch ${index}`, () => fetches[index]),
    running: () => (applied.at(-1)?.components ?? []).map(({ id, digest }) => `${id} ${digest}`),
    status: wantedStatus,
  };
}

const wants = (...components: WantedComponent[]): WantedState => ({ components, providers: [], links: [] });
const app = (reference: string, pull: "missing" | "always" = "missing", digest?: string): WantedComponent =>
  imageSpec("app", reference, { image: { reference, pull }, digest });

describe("createImageHost()", () => {
  test("runs what is on the device at once, and asks nobody", async ({ expect }) => {
    const world = createWorld();
    await using _images = world.images;
    world.cache.set("app:1", "v1");
    await world.images.apply(wants(app("app:1")));
    expect(world.running()).toEqual(["app v1"]);
    expect(world.fetches).toEqual([]);
    expect(world.retained).toEqual([["app"]]);
    expect(world.status("app")).toMatchObject({
      state: "running",
      image: { reference: "app:1", digest: "manifest of v1", fetching: undefined },
    });
  });

  test("fetches what a provider is, and shows how far it is", async ({ expect }) => {
    const world = createWorld();
    await using _images = world.images;
    const kv = {
      id: "kv",
      type: "executable",
      config: { digest: "v1" },
      image: { reference: "kv:1", pull: "missing" },
    } as const;
    await world.images.apply({ components: [], providers: [kv], links: [] });
    const fetch = await world.fetch(0);
    expect(fetch.request).toEqual({ component: "kv", kind: "executable", reference: "kv:1", want: "v1" });
    fetch.progress({ bytes: 1, total: 10 });
    expect(world.images.status().providers).toMatchObject([
      {
        id: "kv",
        type: "executable",
        state: "fetching",
        image: { reference: "kv:1", fetching: { bytes: 1, total: 10 } },
      },
    ]);
    expect(world.retained).toEqual([["kv"]]);
    fetch.bring("v1");
    const ready = await waitFor("the provider", () => world.applied.find(({ providers }) => providers.length > 0));
    expect(ready.providers).toEqual([{ id: "kv", type: "executable", config: { digest: "v1", file: "/v1.wasm" } }]);
  });

  test("runs the version that worked last while its image is not there, until it comes", async ({ expect }) => {
    const world = createWorld();
    await using _images = world.images;
    world.standIns.set("app", { file: "/versions/v1.wasm", digest: "v1" });
    await world.images.apply(wants(app("app:2", "missing", "v2")));
    expect(world.running()).toEqual(["app v1"]);
    (await world.fetch(0)).bring("v2");
    await waitFor("the image to run", () => world.running()[0] === "app v2");
  });

  test("does not hold up others, and shows how far it is", async ({ expect }) => {
    const world = createWorld();
    await using _images = world.images;
    await world.images.apply(wants(app("app:1"), componentSpec("other", { digest: "x" })));
    expect(world.running()).toEqual(["other x"]);
    expect(world.status("app")).toMatchObject({ state: "fetching", image: { fetching: "resolving" } });
    const fetch = await world.fetch(0);
    fetch.progress({ bytes: 3, total: 10 });
    expect(world.status("app")).toMatchObject({ state: "fetching", image: { fetching: { bytes: 3, total: 10 } } });
    fetch.bring("v1");
    await waitFor("the component", () => world.running().length === 2);
    expect(world.running()).toEqual(["app v1", "other x"]);
    expect(world.status("app")).toMatchObject({ state: "running", digest: "v1", lastError: undefined });
  });

  test("tries again with a growing delay while the source is away", async ({ expect }) => {
    const world = createWorld();
    await using _images = world.images;
    await world.images.apply(wants(app("app:1")));
    for (let i = 0; i < 4; i++) {
      (await world.fetch(i)).fail("ERR_ARTIFACT_UNREACHABLE");
      await waitFor("the failure to show", () => world.status("app").state === "failed");
      expect(world.status("app").lastError?.code).toBe("ERR_ARTIFACT_UNREACHABLE");
      await waitFor("the pause", () => world.clock.sleeping === 1);
      await world.clock.advance(seconds(2 ** i));
    }
    (await world.fetch(4)).bring("v1");
    await waitFor("the component", () => world.running().length === 1);
    expect(world.status("app").lastError).toBeUndefined();
  });

  test("waits longer when somebody has to do something, and for ever when nothing helps", async ({ expect }) => {
    const world = createWorld();
    await using _images = world.images;
    await world.images.apply(wants(app("app:1")));
    (await world.fetch(0)).fail("ERR_ARTIFACT_NOT_FOUND");
    await waitFor("the pause", () => world.clock.sleeping === 1);
    await world.clock.advance(seconds(5));
    (await world.fetch(1)).fail("ERR_ARTIFACT_FORMAT");
    await waitFor("the failure to show", () => world.status("app").lastError?.code === "ERR_ARTIFACT_FORMAT");
    await world.clock.advance(minutes(60));
    expect(world.fetches.length).toBe(2);
    // Until something is applied again.
    await world.images.apply(wants(app("app:1")));
    (await world.fetch(2)).bring("v1");
    await waitFor("the component", () => world.running().length === 1);
  });

  test("lets the component run while its next image comes", async ({ expect }) => {
    const world = createWorld();
    await using _images = world.images;
    world.cache.set("app:1", "v1");
    await world.images.apply(wants(app("app:1")));
    await world.images.apply(wants(app("app:2")));
    expect(world.running()).toEqual(["app v1"]);
    expect(world.status("app")).toMatchObject({ state: "running", image: { reference: "app:2", digest: undefined } });
    const fetch = await world.fetch(0);
    fetch.fail("ERR_ARTIFACT_UNAUTHORIZED");
    await waitFor("the failure", () => world.status("app").lastError !== undefined);
    expect(world.status("app")).toMatchObject({ state: "running", lastError: { code: "ERR_ARTIFACT_UNAUTHORIZED" } });
    await world.images.apply(wants(app("app:2")));
    (await world.fetch(1)).bring("v2");
    await waitFor("the next one", () => world.running()[0] === "app v2");
  });

  test("changes nothing for another name of the same bytes", async ({ expect }) => {
    const world = createWorld();
    await using _images = world.images;
    world.cache.set("app:1", "v1");
    await world.images.apply(wants(app("app:1")));
    await world.images.apply(wants(app("mirror/app:1")));
    (await world.fetch(0)).bring("v1");
    await waitFor("the new name", () => world.status("app").image?.digest !== undefined);
    expect(new Set(world.applied.map((one) => JSON.stringify(one.components))).size).toBe(1);
  });

  test("with `always` runs what is there, asks where the tag is, and follows it", async ({ expect }) => {
    const world = createWorld();
    await using _images = world.images;
    world.cache.set("app:1", "v1");
    await world.images.apply(wants(app("app:1", "always")));
    expect(world.running()).toEqual(["app v1"]);
    // A source that is away is no failure of a component that runs.
    (await world.fetch(0)).fail("ERR_ARTIFACT_UNREACHABLE");
    await waitFor("the pause", () => world.clock.sleeping === 1);
    expect(world.status("app")).toMatchObject({ state: "running", lastError: undefined });
    await world.clock.advance(seconds(1));
    (await world.fetch(1)).bring("v1");
    await waitFor("the end", () => world.status("app").image?.fetching === undefined);
    expect(world.applied.length).toBe(1);
    await world.images.apply(wants(app("app:1", "always")));
    (await world.fetch(2)).bring("v2");
    await waitFor("the next one", () => world.running()[0] === "app v2");
  });

  test("with `always` says when the present image cannot be had for other reasons", async ({ expect }) => {
    const world = createWorld();
    await using _images = world.images;
    world.cache.set("app:1", "v1");
    await world.images.apply(wants(app("app:1", "always")));
    (await world.fetch(0)).fail("ERR_ARTIFACT_FORMAT");
    await waitFor("the failure", () => world.status("app").lastError?.code === "ERR_ARTIFACT_FORMAT");
    expect(world.status("app").state).toBe("running");
  });

  test("asks for the digest that is wanted", async ({ expect }) => {
    const world = createWorld();
    await using _images = world.images;
    await world.images.apply(wants(app("app:1", "missing", "v1")));
    expect((await world.fetch(0)).request).toEqual({ component: "app", reference: "app:1", want: "v1" });
  });

  test("ends a fetch that nobody wants any more", async ({ expect }) => {
    const world = createWorld();
    await using _images = world.images;
    await world.images.apply(wants(app("app:1")));
    const first = await world.fetch(0);
    await world.images.apply(wants(app("app:2")));
    expect(first.signal.aborted).toBe(true);
    const second = await world.fetch(1);
    await world.images.apply(wants(componentSpec("app", { digest: "file" })));
    expect(second.signal.aborted).toBe(true);
    expect(world.running()).toEqual(["app file"]);
    expect(world.status("app").image).toBeUndefined();
  });

  test("ends its work when it is disposed", async ({ expect }) => {
    const world = createWorld();
    await world.images.apply(wants(app("app:1")));
    const fetch = await world.fetch(0);
    await world.images[Symbol.asyncDispose]();
    expect(fetch.signal.aborted).toBe(true);
    await world.images.apply(wants(app("app:2")));
    expect(world.fetches.length).toBe(1);
  });
});
