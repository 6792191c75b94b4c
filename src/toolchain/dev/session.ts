import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { SOCKET_NAME } from "../../adapters/control/protocol.ts";
import { openAgent, type Agent } from "../../daemon/agent.ts";
import { unversioned } from "../../domain/wit-name.ts";
import { systemClock } from "../../lib/clock.ts";
import { createExclusive } from "../../lib/exclusive.ts";
import { isInside } from "../../lib/is-inside.ts";
import { createLogTail, tailedLogger } from "../../lib/log-tail.ts";
import { readDevFile } from "../project/dev-file.ts";
import { readProject, readProjectWit, type Project } from "../project/project.ts";
import { configOf } from "./agent-config.ts";
import { wrong } from "./bench/bench.ts";
import { openBenches, type Benches } from "./bench/benches.ts";
import { createEventLog } from "./event-log.ts";
import type { Emit } from "./events.ts";
import { faultsOf } from "./fault.ts";
import { bundleGuest, type GuestCode } from "./guest/code.ts";
import { prepareLoader } from "./guest/loader-component.ts";
import { readPlan, type Plan } from "./plan.ts";
import { createStage, type Stage } from "./stage-runtime.ts";
import { createTypeCheck } from "./type-check.ts";
import { watchSources } from "./watch.ts";

export interface SessionOptions {
  readonly folder: string;
  readonly emit: Emit;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Client URL of a hub; without it, the outbox keeps what is for the hub. */
  readonly hub?: string | undefined;
  /** State stays in the project, for the next time. */
  readonly keep: boolean;
  readonly signal: AbortSignal;
}

/** A project that runs, follows its sources, and can be played with. */
export interface Session extends AsyncDisposable {
  readonly project: Project;
  /** Control socket of the agent, whether it answers now or not. */
  readonly agentSocket: string;
  /** Tells that it is there, now or as soon as the project runs. */
  announce(): void;
  usage(): readonly string[];
  describe(): readonly string[];
  /** @throws PetioleError ERR_DEV_COMMAND, and what a call of the component ends with */
  run(line: string): Promise<string>;
}

/** What there is of a project that runs. */
interface Running extends AsyncDisposable {
  readonly project: Project;
  readonly plan: Plan;
  readonly benches: Benches;
  readonly stage: Stage;
  readonly agent: Agent;
}

/** All that it takes to run, found out before anything of what runs is touched. */
interface Prepared {
  readonly project: Project;
  readonly plan: Plan;
  readonly real: ReadonlySet<string>;
  readonly file: string;
  /** Undefined when the component is a whole one. */
  readonly code: GuestCode | undefined;
}

/** The project's folder of petiole: nothing in it has to be kept. */
const OWN_FOLDER = ".petiole";

/** @throws PetioleError ERR_PROJECT_INVALID when there is no project to follow */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { folder, emit, env, hub, keep, signal } = options;
  const clock = systemClock;
  const project = await readProject(folder);
  await using stack = new AsyncDisposableStack();
  const temporary = await mkdtemp(join(tmpdir(), "petiole-dev-"));
  stack.defer(() => rm(temporary, { recursive: true, force: true }));
  const state = keep ? join(project.folder, OWN_FOLDER, "state") : join(temporary, "state");
  await mkdir(state, { recursive: true });
  const exclusive = createExclusive();
  const shown = (file: string): string => (isInside(project.folder, file) ? relative(project.folder, file) : file);
  let running: Running | undefined;
  let code: GuestCode | undefined;
  let version = 0;
  /** Why there is no loader, as it was told last. */
  let toldObstacle: string | undefined;
  /** Of the sources as they were seen last. */
  let hasFaults = false;
  let announcement: "none" | "due" | "made" = "none";
  const announce = (): void => {
    if (announcement !== "due" || running === undefined) return;
    announcement = "made";
    emit({ kind: "ready", components: Object.keys(running.plan.components), hints: running.benches.describe() });
  };
  stack.defer(async () => await running?.[Symbol.asyncDispose]());
  const types = stack.use(createTypeCheck({ emit, shown }));

  async function prepare(): Promise<Prepared> {
    const now = await readProject(folder);
    const dev = await readDevFile(now.dev);
    const plan = await readPlan({ manifest: now.manifest, out: now.out, changes: dev });
    const real = new Set<string>(Object.entries(dev.simulate).flatMap(([id, isPlayed]) => (isPlayed ? [] : [id])));
    const wit = await readProjectWit(now);
    const onBuild = (): void => emit({ kind: "building", component: plan.own });
    const loader =
      now.engine === "qjs"
        ? await prepareLoader({ wit, world: now.world, cache: join(now.folder, OWN_FOLDER, "cache"), onBuild })
        : { obstacle: `it is made with ${now.engine}` };
    if (loader.obstacle === undefined) {
      return { project: now, plan, real, file: loader.file, code: await bundleGuest(now.entry, shown) };
    }
    if (toldObstacle !== loader.obstacle)
      emit({ kind: "note", text: `Every change builds a whole component: ${loader.obstacle}` });
    toldObstacle = loader.obstacle;
    onBuild();
    // It tells where faults are, and takes no time beside the build.
    await bundleGuest(now.entry, shown);
    // A name of its own for each: what runs reads its file again when it needs another instance.
    const file = join(temporary, `${now.name}-${++version}.wasm`);
    const { buildProject } = await import("../build/build.ts");
    await buildProject(now, { out: file, check: false, signal });
    return { project: now, plan, real, file, code: undefined };
  }

  async function start(prepared: Prepared): Promise<Running> {
    await using parts = new AsyncDisposableStack();
    const { plan, real, file } = prepared;
    // A whole component goes with the agent that ran it; a loader is kept.
    if (isInside(temporary, file)) parts.defer(() => rm(file, { force: true }));
    const benches = parts.use(await openBenches({ plan, real, emit, clock, folder: state }));
    const partner = (id: string, name: string, direction: "imports" | "exports"): string => {
      const found = plan.links.filter(({ from, to, interfaces }) => {
        return (direction === "imports" ? from : to) === id && interfaces.includes(unversioned(name));
      });
      const ends = found.map(({ from, to }) => (direction === "imports" ? to : from));
      return ends.length === 0 ? "petiole" : [...new Set(ends)].join(" or ");
    };
    code = prepared.code;
    const stage = createStage({ emit, partner, codeOf: (id) => (id === plan.own ? code : undefined) });
    const config = configOf({ plan: benches.plan, file, project: prepared.project, temporary, state, hub });
    const tail = createLogTail(clock);
    const log = createEventLog({ emit, locate: (id, text) => (id === plan.own ? (code?.locate(text) ?? text) : text) });
    const agent = parts.use(
      await openAgent({
        config,
        file: prepared.project.manifest,
        env,
        clock,
        log: tailedLogger(log, tail),
        tail,
        signal,
        around: { runtime: (own) => stage.around(own), providers: (own) => benches.registry(own) },
      }),
    );
    const all = parts.move();
    return { project: prepared.project, plan, benches, stage, agent, [Symbol.asyncDispose]: () => all.disposeAsync() };
  }

  /** Everything anew, on the same state: what the manifest or the world says has changed, or nothing runs yet. */
  async function restart(seen: number): Promise<void> {
    const prepared = await prepare();
    for (const file of prepared.code?.modules ?? []) watch.add(dirname(file));
    await running?.[Symbol.asyncDispose]();
    running = undefined;
    running = await start(prepared);
    const { agent, plan } = running;
    const { components } = await agent.status();
    const error = components.find(({ id }) => id === plan.own)?.lastError;
    const took = performance.now() - seen;
    if (error === undefined) emit({ kind: "running", component: plan.own, took, how: "component" });
    else
      emit({
        kind: "failed",
        component: plan.own,
        took,
        faults: faultsOf(new Error(error.message), shown),
        goesOn: false,
      });
    announce();
    types.check(prepared.project, { isNew: true });
  }

  async function reload(seen: number): Promise<void> {
    const now = running;
    if (now === undefined || code === undefined) return await restart(seen);
    const next = await bundleGuest(now.project.entry, shown);
    for (const file of next.modules) watch.add(dirname(file));
    const isOther = next.text !== code.text;
    if (isOther && !(await now.stage.swap(now.plan.own, next))) return await restart(seen);
    code = next;
    if (isOther || hasFaults)
      emit({ kind: "running", component: now.plan.own, took: performance.now() - seen, how: "code" });
    types.check(now.project, { isNew: false });
  }

  /** What has faults leaves what runs as it is. */
  async function follow(work: (seen: number) => Promise<void>, seen: number): Promise<void> {
    try {
      hasFaults = await work(seen).then(() => false);
    } catch (error) {
      if (signal.aborted) return;
      hasFaults = true;
      const component = running?.plan.own ?? project.name;
      const took = performance.now() - seen;
      emit({ kind: "failed", component, took, faults: faultsOf(error, shown), goesOn: running !== undefined });
    }
  }

  /** What has changed since it was looked at last: much of it may come while one change is worked on. */
  let due: { readonly seen: number; whole: boolean } | undefined;
  const onChange = (paths: ReadonlySet<string>): void => {
    const found = [...paths];
    const whole = found.some(isWhole);
    if (!whole && !found.some(isCode)) return;
    types.stop();
    if (due !== undefined) {
      due.whole ||= whole;
      return;
    }
    due = { seen: performance.now(), whole };
    void exclusive.run(async () => {
      const { seen = performance.now(), whole: isWholeDue = false } = due ?? {};
      due = undefined;
      if (!signal.aborted) await follow(isWholeDue ? restart : reload, seen);
    });
  };
  const sources = dirname(project.entry);
  const isWhole = (path: string): boolean =>
    isInside(project.wit, path) || [project.manifest, project.dev, join(project.folder, "package.json")].includes(path);
  const isCode = (path: string): boolean =>
    sources === project.folder || isInside(sources, path) || code?.modules.includes(path) === true;
  const watch = stack.use(
    watchSources({
      // A project may have its sources beside everything else: not all of that is followed then.
      folders: [...(sources === project.folder ? [] : [sources]), project.wit],
      flat: [project.folder],
      onChange,
    }),
  );
  await exclusive.run(async () => await follow(restart, performance.now()));
  signal.throwIfAborted();
  const parts = stack.move();

  return {
    project,
    agentSocket: join(temporary, "run", SOCKET_NAME),
    announce: () => {
      announcement = "due";
      announce();
    },
    usage: () => ["call INTERFACE#FUNCTION [JSON…]", ...(running?.benches.usage() ?? [])],
    describe: () => running?.benches.describe() ?? [],
    async run(line) {
      const now = running;
      if (now === undefined) throw wrong("Cannot do that: the project does not run");
      if (/^call\s/.test(line)) return await callExport(now, line);
      return await now.benches.run(line);
    },
    async [Symbol.asyncDispose]() {
      await exclusive.run(async () => {});
      await parts.disposeAsync();
    },
  };
}

async function callExport({ stage, plan }: Running, line: string): Promise<string> {
  const { parseCall } = await import("./call-line.ts");
  const { describeValue } = await import("./describe-value.ts");
  const { interfaceName, functionName, args } = parseCall(line);
  return describeValue(await stage.call(plan.own, interfaceName, functionName, args));
}
