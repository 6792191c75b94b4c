import { describe, test } from "vitest";
import { createFakeClock } from "../../../../test/support/fake-clock.ts";
import { PetioleError } from "../../../domain/errors.ts";
import { millis, minutes, seconds } from "../../../domain/units.ts";
import { silentLogger } from "../../../lib/log.ts";
import { createContact } from "./contact.ts";
import type { Folders } from "./folders.ts";
import type { ResolvedImage } from "./translate.ts";
import { workloadSchema, type Workload } from "./wire.ts";
import { createWorkloadStore } from "./workload-store.ts";
import { createWorkloads, type WantedImage } from "./workloads.ts";

const IMAGE: ResolvedImage = { content: `sha256:${"0".repeat(64)}`, imports: [], exports: [] };
const LEASE = minutes(3);

interface RigOptions {
  readonly resolve?: (image: WantedImage, signal: AbortSignal) => Promise<ResolvedImage>;
  readonly saved?: Map<string, string>;
  readonly folders?: Partial<Folders>;
  readonly failing?: () => boolean;
}

/** Workloads on a device where everything that is wanted runs at once. */
function setUp({ resolve = async () => IMAGE, saved = new Map<string, string>(), folders, failing }: RigOptions = {}) {
  const clock = createFakeClock();
  const contact = createContact();
  const around = {
    builtin: new Set<string>(),
    providers: new Set<string>(),
    natsProviders: new Set<string>(),
    httpListen: undefined,
    hostPaths: [],
    volumesFolder: "/volumes",
  };
  let running: readonly string[] = [];
  let passes = 0;
  const state = {
    load: async (name: string) => saved.get(name),
    save: async (name: string, value: string | undefined) =>
      value === undefined ? void saved.delete(name) : void saved.set(name, value),
  };
  const workloads = createWorkloads({
    store: createWorkloadStore(state, silentLogger),
    folders: { make: async () => {}, remove: async () => {}, retain: async () => {}, ...folders },
    contact,
    around: () => around,
    resolve,
    running: () => ({
      providers: [],
      links: [],
      // Of a component, no more is looked at here.
      components: running.map((id) => ({ id, state: "running", lastError: undefined })) as never,
    }),
    apply: async () => {
      passes += 1;
      if (failing?.() === true) throw new Error("no pass");
      running = workloads.translations().flatMap(({ components }) => components.map(({ id }) => id));
    },
    clock,
    log: silentLogger,
  });
  return { workloads, clock, contact, saved, running: () => running, passes: () => passes };
}

const replica = (name: string, generation = "1"): Workload =>
  workloadSchema.parse({
    namespace: "default",
    name,
    annotations: { "runtime.wasmcloud.dev/workload-replica-set-generation": generation },
    witWorld: { components: [{ name: "a", image: "registry.example/a" }] },
  });

const stateOf = (rig: ReturnType<typeof setUp>, id: string): string =>
  rig.workloads.status(id).state.replace("WORKLOAD_STATE_", "");

describe("createWorkloads()", () => {
  test("a workload that the operator does not ask for any more is stopped, and the others go on", async ({
    expect,
  }) => {
    const rig = setUp();
    rig.workloads.begin();
    await rig.workloads.start("kept", replica("app-1-x"));
    await rig.workloads.start("deleted", replica("app-1-y"));
    for (let i = 0; i < 8; i += 1) {
      await rig.clock.advance(seconds(30));
      rig.workloads.status("kept");
      rig.workloads.sweep(LEASE);
    }
    await rig.clock.advance(seconds(1));
    expect([stateOf(rig, "kept"), stateOf(rig, "deleted")]).toEqual(["RUNNING", "NOT_FOUND"]);
    expect(rig.running()).toHaveLength(1);
    expect([...rig.saved.keys()]).toHaveLength(2);
  });

  test("nothing is stopped while the operator is away, nor before it had time to ask", async ({ expect }) => {
    const rig = setUp();
    rig.workloads.begin();
    await rig.workloads.start("a", replica("app-1-x"));
    for (let i = 0; i < 100; i += 1) {
      await rig.clock.advance(minutes(10));
      rig.workloads.sweep(LEASE);
    }
    // It is back, and asks for the host first.
    rig.contact.heard(rig.clock.monotonic());
    rig.workloads.sweep(LEASE);
    await rig.clock.advance(seconds(60));
    rig.contact.heard(rig.clock.monotonic());
    rig.workloads.sweep(LEASE);
    expect(rig.running()).toHaveLength(1);
    expect(stateOf(rig, "a")).toBe("RUNNING");
  });

  test("what comes in the place of a workload from before the operator was away replaces it at once", async ({
    expect,
  }) => {
    const rig = setUp();
    rig.workloads.begin();
    await rig.workloads.start("old", replica("app-1-x"));
    await rig.workloads.start("known", replica("app-1-y"));
    await rig.workloads.start("other", replica("web-1-x"));
    await rig.clock.advance(minutes(5));
    rig.workloads.status("known");
    await rig.workloads.start("new", replica("app-1-z"));
    await rig.clock.advance(seconds(1));
    expect(rig.workloads.list().map(({ id }) => id)).toEqual(["known", "other", "new"]);
    // A second replica in one and the same time is no replacement.
    await rig.workloads.start("more", replica("app-1-a"));
    expect(rig.workloads.list().map(({ id }) => id)).toEqual(["known", "other", "new", "more"]);
  });

  test("a stop ends the fetching, and the id stays taken until all is gone", async ({ expect }) => {
    const asked: string[] = [];
    const rig = setUp({
      resolve: (image, signal) => {
        asked.push(image.reference);
        return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
      },
    });
    rig.workloads.begin();
    const started = rig.workloads.start("a", replica("app-1-x"));
    await rig.clock.advance(millis(1));
    expect(stateOf(rig, "a")).toBe("STARTING");
    const stopped = rig.workloads.stop("a");
    expect(stateOf(rig, "a")).toBe("STOPPING");
    expect(await rig.workloads.start("a", replica("app-1-x"))).toMatchObject({ state: "WORKLOAD_STATE_STOPPING" });
    expect((await stopped).state).toBe("WORKLOAD_STATE_STOPPING");
    expect((await started).state).toBe("WORKLOAD_STATE_STOPPING");
    expect([stateOf(rig, "a"), asked.length, rig.saved.size]).toEqual(["NOT_FOUND", 1, 0]);
  });

  test("a start that takes long is answered, stored, and goes on", async ({ expect }) => {
    const arrives = Promise.withResolvers<ResolvedImage>();
    const rig = setUp({ resolve: () => arrives.promise });
    rig.workloads.begin();
    const started = rig.workloads.start("a", replica("app-1-x"));
    await rig.clock.advance(seconds(15));
    expect((await started).state).toBe("WORKLOAD_STATE_STARTING");
    expect(rig.saved.size).toBe(2);
    arrives.resolve(IMAGE);
    await rig.clock.advance(seconds(1));
    expect(stateOf(rig, "a")).toBe("RUNNING");

    // Another process finds it, with what its image was.
    const again = setUp({ saved: rig.saved, resolve: () => Promise.reject(new Error("not asked")) });
    await again.workloads.load();
    again.workloads.begin();
    await again.clock.advance(seconds(1));
    expect(stateOf(again, "a")).toBe("RUNNING");
  });

  test("one whose folder leads elsewhere after a boot does not run, not even for a pass, until it is right", async ({
    expect,
  }) => {
    const rig = setUp();
    rig.workloads.begin();
    await rig.workloads.start("a", replica("app-1-x"));
    await rig.workloads.start("b", replica("app-1-y"));

    let isBent = true;
    const make = async (id: string): Promise<void> => {
      if (isBent && id === "a")
        throw new PetioleError("ERR_WORKLOAD_VOLUME", 'Cannot use the folder "/x": it leads away');
    };
    const again = setUp({ saved: rig.saved, folders: { make } });
    await again.workloads.load();
    expect(again.workloads.translations()).toHaveLength(1);
    expect([stateOf(again, "a"), stateOf(again, "b")]).toEqual(["ERROR", "STARTING"]);
    again.workloads.begin();
    await again.clock.advance(seconds(1));
    expect([stateOf(again, "a"), stateOf(again, "b"), again.running().length]).toEqual(["ERROR", "RUNNING", 1]);
    isBent = false;
    await again.clock.advance(minutes(1));
    expect(stateOf(again, "a")).toBe("RUNNING");
  });

  test("one whose folder changes between the load and the first pass is taken out again", async ({ expect }) => {
    const rig = setUp();
    rig.workloads.begin();
    await rig.workloads.start("a", replica("app-1-x"));
    let isBent = false;
    const make = async (): Promise<void> => {
      if (isBent) throw new PetioleError("ERR_WORKLOAD_VOLUME", 'Cannot use the folder "/x": it leads away');
    };
    const again = setUp({ saved: rig.saved, folders: { make } });
    await again.workloads.load();
    isBent = true;
    again.workloads.begin();
    await again.clock.advance(millis(1));
    expect([again.workloads.translations(), again.passes()]).toEqual([[], 1]);
  });

  test("what cannot be cleaned up ends neither the agent nor the stop", async ({ expect }) => {
    const readOnly = () => Promise.reject(new Error("EROFS: read-only file system"));
    let isFailing = false;
    const rig = setUp({ folders: { remove: readOnly, retain: readOnly }, failing: () => isFailing });
    await rig.workloads.load();
    rig.workloads.begin();
    await rig.workloads.start("kept", replica("app-1-x"));
    await rig.workloads.start("stopped", replica("app-1-y"));
    await rig.workloads.start("forgotten", replica("app-1-z"));
    isFailing = true;
    expect((await rig.workloads.stop("stopped")).state).toBe("WORKLOAD_STATE_STOPPING");
    for (let i = 0; i < 8; i += 1) {
      await rig.clock.advance(seconds(30));
      rig.workloads.status("kept");
      rig.workloads.sweep(LEASE);
    }
    isFailing = false;
    await rig.clock.advance(seconds(1));
    expect(["stopped", "forgotten"].map((id) => stateOf(rig, id))).toEqual(["NOT_FOUND", "NOT_FOUND"]);
    await rig.workloads.start("more", replica("app-1-a"));
    expect(rig.running()).toHaveLength(2);
  });

  test("what is asked for or stopped before all begins is run once, or gone", async ({ expect }) => {
    const rig = setUp();
    rig.workloads.begin();
    await rig.workloads.start("stored", replica("app-1-x"));
    await rig.workloads.start("stopped", replica("app-1-y"));

    const made: string[] = [];
    const again = setUp({ saved: rig.saved, folders: { make: async (id) => void made.push(id) } });
    await again.workloads.load();
    made.length = 0;
    const started = again.workloads.start("new", replica("web-1-x"));
    const stopped = again.workloads.stop("stopped");
    again.workloads.begin();
    await again.clock.advance(millis(1));
    expect((await started).state).toBe("WORKLOAD_STATE_RUNNING");
    await stopped;
    expect(["stored", "stopped", "new"].map((id) => stateOf(again, id))).toEqual(["RUNNING", "NOT_FOUND", "RUNNING"]);
    expect(made.sort()).toEqual(["new", "stored"]);
  });

  test("it can be disposed of before it begins", async ({ expect }) => {
    const rig = setUp({ resolve: () => new Promise(() => {}) });
    rig.workloads.begin();
    void rig.workloads.start("fetching", replica("app-1-x"));
    await rig.clock.advance(seconds(15));
    const again = setUp({ saved: rig.saved });
    await again.workloads.load();
    expect(stateOf(again, "fetching")).toBe("STARTING");
    await again.workloads[Symbol.asyncDispose]();
  });

  test("of what is refused, little is kept, and of what is gone nothing", async ({ expect }) => {
    const rig = setUp();
    rig.workloads.begin();
    const components = Array.from({ length: 64 }, (_, i) => ({ name: `${i}`.repeat(500), image: "Not An Image" }));
    const huge = workloadSchema.parse({
      namespace: "n".repeat(9000),
      name: "x".repeat(9000),
      witWorld: { components },
    });
    expect((await rig.workloads.start("refused", huge)).state).toBe("WORKLOAD_STATE_ERROR");
    const { message } = rig.workloads.status("refused");
    expect(message).toHaveLength(8000);
    expect(rig.workloads.list()).toEqual([
      { id: "refused", namespace: "n".repeat(253), name: "x".repeat(253), state: "error", message },
    ]);
    await rig.workloads.start("stopped", replica("app-1-x"));
    const stopped = rig.workloads.stop("stopped");
    rig.workloads.status("stopped");
    await stopped;
    await rig.workloads.start("there", replica("app-1-y"));
    expect(["refused", "stopped", "there"].map((id) => rig.contact.isUnconfirmed(id))).toEqual([true, true, false]);
  });

  test("what fails for now is tried again, later and later; what fails for good is not", async ({ expect }) => {
    let tries = 0;
    const rig = setUp({
      resolve: async ({ reference }) => {
        tries += 1;
        if (reference.includes("broken")) throw new PetioleError("ERR_ARTIFACT_FORMAT", "Cannot use it: it is none");
        if (tries < 3) throw new PetioleError("ERR_ARTIFACT_UNREACHABLE", "Cannot reach it");
        return IMAGE;
      },
    });
    rig.workloads.begin();
    expect(await rig.workloads.start("a", replica("app-1-x"))).toMatchObject({
      state: "WORKLOAD_STATE_ERROR",
      message: "ERR_ARTIFACT_UNREACHABLE: Cannot reach it",
    });
    await rig.clock.advance(minutes(1));
    expect([stateOf(rig, "a"), tries]).toEqual(["RUNNING", 3]);

    const broken = workloadSchema.parse({ witWorld: { components: [{ image: "registry.example/broken" }] } });
    expect((await rig.workloads.start("b", broken)).state).toBe("WORKLOAD_STATE_ERROR");
    await rig.clock.advance(minutes(10));
    expect([stateOf(rig, "b"), tries]).toEqual(["ERROR", 4]);
  });

  test("many starts at a time are few passes", async ({ expect }) => {
    const rig = setUp();
    rig.workloads.begin();
    const ids = Array.from({ length: 100 }, (_, i) => `w-${i}`);
    await Promise.all(ids.map((id) => rig.workloads.start(id, replica(`${id}-1-x`))));
    expect(rig.workloads.counts()).toEqual({ workloads: 100, components: 100 });
    expect(rig.passes()).toBeLessThan(20);
  });

  test("the secret for an image is known by its component alone, and an empty one is none", async ({ expect }) => {
    const rig = setUp();
    rig.workloads.begin();
    const secret = { username: "u", password: "p" };
    const components = [
      { image: "a/b", imagePullSecret: secret },
      { image: "a/c", imagePullSecret: {} },
    ];
    await rig.workloads.start("a", workloadSchema.parse({ name: "app", witWorld: { components } }));
    const [first = "", second = ""] = rig.running();
    expect(rig.workloads.pullSecret(first)).toEqual({ user: "u", password: "p" });
    expect(rig.workloads.pullSecret(second)).toBeUndefined();
    expect(JSON.stringify(rig.workloads.list())).not.toContain('"p"');
  });
});
