import { PetioleError } from "../domain/errors.ts";
import type { Millis } from "../domain/units.ts";
import type { ComponentId, ComponentSpec } from "../domain/workload.ts";
import type { Clock } from "../lib/clock.ts";
import type { HttpRequest, HttpResponse } from "../lib/http-message.ts";
import type { RunningComponent } from "../runtime/contract.ts";
import { measured, type CallMeter, type LinkMeters } from "./link-meters.ts";

/**
 * The components of this device as others call them: other components, and callers on other hosts. While one is replaced
 * its calls wait; before one stops, those that it has end.
 */
export interface Callees {
  /** It is about to start, or to start anew: as long as it does not run, its calls wait. */
  expect(spec: ComponentSpec): void;
  /** Calls go to `running` from now on, those that waited first. */
  open(id: ComponentId, running: RunningComponent): void;
  /** It did not start, or is wanted no more: calls that wait fail, and so do those that come. */
  fail(id: ComponentId, reason: string): void;
  /** Forgets what it knows of others than `ids` that do not run. */
  retain(ids: ReadonlySet<ComponentId>): void;
  /**
   * No further call begins. Resolves when those that were taken have ended, and in any case after some time: what is
   * left then ends with the component.
   */
  drain(id: ComponentId): Promise<void>;
  /** `here` also while it is replaced. `coming`: it has not run yet, and is about to start. */
  where(id: ComponentId): "here" | "coming" | "away";
  /**
   * Calls an export of `id`. `from` names the component that calls, if one does.
   * @throws WitError the function's `err`
   * @throws PetioleError ERR_COMPONENT_STOPPED when it does not run, ERR_COMPONENT_BUSY when too many wait for its start,
   *   and as `RunningComponent.call`
   */
  call(target: CallTarget, args: readonly unknown[]): Promise<unknown>;
  /** Has a request served by `id`; rejects as `call`, and as `RunningComponent.http`. */
  http(id: ComponentId, request: HttpRequest): Promise<HttpResponse>;
}

export interface CallTarget {
  readonly from: ComponentId | undefined;
  readonly id: ComponentId;
  readonly interfaceName: string;
  readonly functionName: string;
}

type Use = Pick<CallTarget, "from" | "id" | "functionName">;

export interface CalleesDeps {
  readonly clock: Clock;
  /** How long calls that were taken may keep a component from stopping. */
  readonly drainLimit: Millis;
  readonly meters: LinkMeters;
}

interface Callee {
  running: RunningComponent | undefined;
  /** Set while it is expected; what waits for it. */
  coming: PromiseWithResolvers<void> | undefined;
  spec: ComponentSpec | undefined;
  waiting: number;
  taken: number;
  draining: PromiseWithResolvers<void> | undefined;
  reason: string;
  /** Of calls by other hosts, once there was one. Of those by components here their links have one. */
  meter: CallMeter | undefined;
}

export function createCallees({ clock, drainLimit, meters }: CalleesDeps): Callees {
  const callees = new Map<ComponentId, Callee>();

  const calleeOf = (id: ComponentId): Callee => {
    const known = callees.get(id);
    if (known !== undefined) return known;
    const made: Callee = {
      running: undefined,
      coming: undefined,
      spec: undefined,
      waiting: 0,
      taken: 0,
      draining: undefined,
      reason: "it is not on this device",
      meter: undefined,
    };
    callees.set(id, made);
    return made;
  };

  const refuse = ({ id, functionName }: Use, reason: string): PetioleError =>
    new PetioleError("ERR_COMPONENT_STOPPED", `Cannot call "${functionName}" of component "${id}": ${reason}`);

  /** Waits until the component runs, no longer than a call of it may take. */
  async function untilRunning(target: Use, callee: Callee): Promise<RunningComponent> {
    const { spec } = callee;
    while (callee.running === undefined) {
      if (callee.coming === undefined || spec === undefined) throw refuse(target, callee.reason);
      // The one who calls keeps somebody waiting itself, maybe the very component that it calls.
      if (target.from !== undefined && callees.get(target.from)?.draining !== undefined) {
        throw refuse(target, `it is started anew, and so is "${target.from}"`);
      }
      if (callee.waiting >= spec.limits.queue) {
        const { id, functionName } = target;
        const found = `${callee.waiting} calls wait for its start already`;
        throw new PetioleError("ERR_COMPONENT_BUSY", `Cannot call "${functionName}" of component "${id}": ${found}`);
      }
      callee.waiting += 1;
      const enough = new AbortController();
      try {
        const late = clock.sleep(spec.limits.deadline, enough.signal).then(
          () => true,
          () => false,
        );
        const isLate = await Promise.race([callee.coming.promise.then(() => false), late]);
        if (isLate) throw refuse(target, `it did not start within ${spec.limits.deadline} ms`);
      } finally {
        enough.abort();
        callee.waiting -= 1;
      }
    }
    return callee.running;
  }

  /** Has something done with the component, and counts that as a call of it. */
  async function use<T>(target: Use, make: (running: RunningComponent) => Promise<T>): Promise<T> {
    const callee = callees.get(target.id);
    if (callee === undefined) throw refuse(target, "it does not run");
    const take = async (): Promise<T> => {
      const running = callee.running ?? (await untilRunning(target, callee));
      callee.taken += 1;
      try {
        return await make(running);
      } finally {
        callee.taken -= 1;
        if (callee.taken === 0) callee.draining?.resolve();
      }
    };
    if (target.from !== undefined) return await take();
    callee.meter ??= meters.of({ source: "", target: target.id, name: "" });
    return await measured(callee.meter, take);
  }

  return {
    expect(spec) {
      const callee = calleeOf(spec.id);
      callee.spec = spec;
      callee.coming ??= Promise.withResolvers();
    },

    open(id, running) {
      const callee = calleeOf(id);
      callee.running = running;
      callee.draining = undefined;
      callee.coming?.resolve();
      callee.coming = undefined;
    },

    fail(id, reason) {
      const callee = calleeOf(id);
      callee.running = undefined;
      callee.draining = undefined;
      callee.reason = reason;
      callee.coming?.resolve();
      callee.coming = undefined;
    },

    retain(ids) {
      for (const [id, { running, taken }] of callees) {
        if (running === undefined && taken === 0 && !ids.has(id)) callees.delete(id);
      }
    },

    async drain(id) {
      const callee = callees.get(id);
      if (callee === undefined) return;
      callee.running = undefined;
      callee.reason = "it is stopping";
      callee.draining ??= Promise.withResolvers();
      if (callee.taken === 0) callee.draining.resolve();
      const enough = new AbortController();
      const late = clock.sleep(drainLimit, enough.signal).catch(() => {});
      await Promise.race([callee.draining.promise, late]);
      enough.abort();
    },

    where(id) {
      const callee = callees.get(id);
      if (callee?.running !== undefined) return "here";
      if (callee?.coming === undefined) return "away";
      return callee.draining === undefined ? "coming" : "here";
    },

    call: async (target, args) =>
      await use(target, (running) => running.call(target.interfaceName, target.functionName, args)),
    http: async (id, request) =>
      await use({ from: undefined, id, functionName: "handle" }, (running) => running.http(request)),
  };
}
