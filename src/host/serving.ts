import type { ComponentId, Digest } from "../domain/workload.ts";
import type { PreparedComponent } from "../runtime/contract.ts";
import type { Callees } from "./callees.ts";
import type { RemoteEnds, ServedCallee } from "./ports.ts";

/** Components as the other hosts of the lattice call them. */
export interface Serving {
  /**
   * Serves what the component exports, from now on. Another version of one that is served takes its place without a gap;
   * calls that the one before has taken go on.
   */
  serve(id: ComponentId, prepared: PreparedComponent): void;
  /** As `serve`, for one that is served. */
  renew(id: ComponentId, prepared: PreparedComponent): void;
  /** Takes no further calls. Resolves when those that were taken have ended. */
  end(id: ComponentId): Promise<void>;
}

interface Served extends AsyncDisposable {
  readonly digest: Digest;
}

export function createServing(remote: RemoteEnds | undefined, callees: Callees): Serving {
  const served = new Map<ComponentId, Served>();
  const ending = new Map<ComponentId, Set<Promise<void>>>();

  /** What is in the way of the next one ends beside it. */
  function endBeside(id: ComponentId, old: Served): void {
    const works = ending.get(id) ?? new Set();
    ending.set(id, works);
    const work = Promise.resolve(old[Symbol.asyncDispose]())
      .catch(() => {})
      .then(() => {
        works.delete(work);
        if (works.size === 0) ending.delete(id);
      });
    works.add(work);
  }

  function serve(id: ComponentId, { digest, shapes }: PreparedComponent): void {
    const before = served.get(id);
    if (remote === undefined || before?.digest === digest) return;
    const callee: ServedCallee = {
      call: async (interfaceName, functionName, args) =>
        await callees.call({ from: undefined, id, interfaceName, functionName }, args),
      http: async (request) => await callees.http(id, request),
    };
    const end = remote.serve(id, shapes.exports, callee);
    served.set(id, { digest, [Symbol.asyncDispose]: async () => await end[Symbol.asyncDispose]() });
    if (before !== undefined) endBeside(id, before);
  }

  return {
    serve,
    renew(id, prepared) {
      if (served.has(id)) serve(id, prepared);
    },
    async end(id) {
      const old = served.get(id);
      served.delete(id);
      if (old !== undefined) endBeside(id, old);
      await Promise.all(ending.get(id) ?? new Set<Promise<void>>());
    },
  };
}
