// What a failed turn becomes: the code says whose turn it is, the message what the component did.

import { PetioleError } from "../domain/errors.ts";
import type { Bytes, Millis } from "../domain/units.ts";
import type { LimitName } from "./contract.ts";
import type { WorkerLoss } from "./worker-slot.ts";
import type { GuestFailure } from "./worker/protocol.ts";

// A guest that runs out of memory asks for more, is refused and traps; the refusal itself cannot be seen. One that
// holds this share of what it may have counts as having run out.
const NEARLY_FULL = 0.9;
const NEARLY_FULL_BYTES = 1024 ** 2;

/** An error, and the limit that was reached when it was one. */
export interface TurnFailure {
  readonly error: PetioleError;
  readonly limit?: LimitName;
  /** It says nothing about the component: its HTTP client was too slow. */
  readonly blameless?: true;
}

/** Of anything but a returned `err`, which is no failure of the component. */
export function turnFailure(
  action: string,
  failure: Exclude<GuestFailure, { kind: "err" }>,
  memoryLimit: Bytes,
): TurnFailure {
  switch (failure.kind) {
    case "trap": {
      const reason = failure.reason.replace(/^wasm trap: /, "");
      if (failure.memory >= Math.min(memoryLimit * NEARLY_FULL, memoryLimit - NEARLY_FULL_BYTES)) {
        const message = `Cannot ${action}: it took ${failure.memory} of ${memoryLimit} bytes of memory and then trapped: ${reason}`;
        return { error: new PetioleError("ERR_COMPONENT_MEMORY", message), limit: "memory" };
      }
      const error = new PetioleError("ERR_COMPONENT_TRAP", `Cannot ${action}: it trapped: ${reason}`);
      return failure.stack ? { error, limit: "stack" } : { error };
    }
    case "too-large":
      return {
        error: new PetioleError("ERR_COMPONENT_MEMORY", `Cannot ${action}: ${failure.reason}`),
        limit: "memory",
      };
    case "exit":
      return {
        error: new PetioleError("ERR_COMPONENT_TRAP", `Cannot ${action}: it exited with status ${failure.status}`),
      };
    case "unserved":
      return { error: new PetioleError("ERR_COMPONENT_INVALID", `Cannot ${action}: ${failure.reason}`) };
    case "import":
    default:
      return {
        error: new PetioleError("ERR_INVARIANT", `Cannot ${action}: an import failed for a reason that was not kept`),
      };
  }
}

export function deadlineFailure(action: string, deadline: Millis, computing: boolean): TurnFailure {
  const doing = computing ? "it was still computing" : "it was still waiting for a capability";
  const message = `Cannot ${action} within ${deadline} ms: ${doing}`;
  return { error: new PetioleError("ERR_COMPONENT_DEADLINE", message), limit: "deadline" };
}

/** Of a turn that could not end in time, for it waited for its HTTP client. */
export function clientFailure(action: string, deadline: Millis): TurnFailure {
  const message = `Cannot ${action} within ${deadline} ms: it was still waiting for its client`;
  return { error: new PetioleError("ERR_COMPONENT_DEADLINE", message), blameless: true };
}

/** Of a turn that had begun when its worker was lost; `guilty` when its own code was executing then. */
export function lossFailure(action: string, guilty: boolean, loss: WorkerLoss): TurnFailure {
  if (loss.cause === "out-of-memory" && guilty) {
    const message = `Cannot ${action}: the heap of its worker was full`;
    return { error: new PetioleError("ERR_COMPONENT_MEMORY", message), limit: "memory" };
  }
  const found =
    loss.cause === "replaced" ? "its worker was replaced because of another component" : "its worker failed";
  return { error: new PetioleError("ERR_COMPONENT_STOPPED", `Cannot ${action}: ${found}`) };
}
