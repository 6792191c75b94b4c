// What a failed turn becomes: the code says whose turn it is, the message what the component did.

import { PetioleError } from "../domain/errors.ts";
import type { Bytes } from "../domain/units.ts";
import type { WorkerLoss } from "./worker-slot.ts";
import type { GuestFailure } from "./worker/protocol.ts";

// A guest that runs out of memory asks for more, is refused and traps; the refusal itself cannot be seen. One that
// holds this share of what it may have counts as having run out.
const NEARLY_FULL = 0.9;
const NEARLY_FULL_BYTES = 1024 ** 2;

/** Of anything but a returned `err`, which is no failure of the component. */
export function failureError(
  action: string,
  failure: Exclude<GuestFailure, { kind: "err" }>,
  memoryLimit: Bytes,
): PetioleError {
  switch (failure.kind) {
    case "trap": {
      const reason = failure.reason.replace(/^wasm trap: /, "");
      if (failure.memory >= Math.min(memoryLimit * NEARLY_FULL, memoryLimit - NEARLY_FULL_BYTES)) {
        return new PetioleError(
          "ERR_COMPONENT_MEMORY",
          `Cannot ${action}: it took ${failure.memory} of ${memoryLimit} bytes of memory and then trapped: ${reason}`,
        );
      }
      return new PetioleError("ERR_COMPONENT_TRAP", `Cannot ${action}: it trapped: ${reason}`);
    }
    case "exit":
      return new PetioleError("ERR_COMPONENT_TRAP", `Cannot ${action}: it exited with status ${failure.status}`);
    case "unserved":
      return new PetioleError("ERR_COMPONENT_INVALID", `Cannot ${action}: ${failure.reason}`);
    case "import":
    default:
      return new PetioleError("ERR_INVARIANT", `Cannot ${action}: an import failed for a reason that was not kept`);
  }
}

/** Of a turn that had begun when its worker was lost. */
export function lossError(action: string, turn: number, loss: WorkerLoss): PetioleError {
  if (loss.cause === "out-of-memory" && loss.current === turn) {
    return new PetioleError("ERR_COMPONENT_MEMORY", `Cannot ${action}: the heap of its worker was full`);
  }
  const found =
    loss.cause === "replaced" ? "its worker was replaced because of another component" : "its worker failed";
  return new PetioleError("ERR_COMPONENT_STOPPED", `Cannot ${action}: ${found}`);
}
