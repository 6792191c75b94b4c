import type { RemoteEnds } from "../../src/host/ports.ts";

/** A lattice in which nobody else is, apart from what a test makes of it. */
export function emptyLattice(more: Partial<RemoteEnds> = {}): RemoteEnds {
  const nobody = (): Promise<never> => Promise.reject(new Error("nobody is there"));
  const nothing: AsyncDisposable = { [Symbol.asyncDispose]: async () => {} };
  return {
    reachable: () => true,
    call: nobody,
    serve: () => nothing,
    knows: () => false,
    serveProvider: () => nothing,
    deliver: nobody,
    ...more,
  };
}
