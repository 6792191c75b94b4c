import type { OutboxMessage } from "../domain/outbox.ts";
import { PetioleError } from "../domain/errors.ts";
import type { StatusError } from "../domain/status.ts";
import type { Logger } from "../lib/log.ts";
import { inspectStorage, type StorageKind } from "../lib/storage-kind.ts";
import type { Outbox } from "../provider/services.ts";

/** `warn`: publishers are told the truth. `refuse`: the lane `critical` takes nothing. `accept`: it is not looked at. */
export type VolatilePolicy = "warn" | "refuse" | "accept";

export interface StorageVerdict {
  /** Why nothing survives a reboot, or may not. */
  readonly lossy: string | undefined;
  readonly notice: StatusError | undefined;
}

/** Looks at what the store lies on, and says so when that is no disk. */
export async function checkStorage(
  { stateDir, policy }: { readonly stateDir: string; readonly policy: VolatilePolicy },
  log: Logger,
): Promise<StorageVerdict> {
  if (policy === "accept") return { lossy: undefined, notice: undefined };
  const kind = await inspectStorage(stateDir);
  if (kind.reason === undefined) return { lossy: undefined, notice: undefined };
  const { code, message } = volatileError(stateDir, kind, policy);
  log.warn("The state directory is on no disk of its own", { code, reason: message, fileSystem: kind.fileSystem });
  return { lossy: kind.survives === "yes" ? undefined : kind.reason, notice: { code, message } };
}

function volatileError(stateDir: string, { survives, reason }: StorageKind, policy: VolatilePolicy): PetioleError {
  const ends = { yes: "", no: "; a reboot loses it", unknown: "; a reboot may lose it" } as const;
  const consequence =
    survives === "yes"
      ? ""
      : policy === "refuse"
        ? ", and the lane critical is closed"
        : ", with all that waits for the hub";
  return new PetioleError(
    "ERR_STORE_VOLATILE",
    `Cannot rely on "${stateDir}": ${reason}${ends[survives]}${consequence}`,
  );
}

/** An outbox that promises no more than its disk keeps. */
export function honestOutbox<T extends Pick<Outbox, "publish">>(
  outbox: T,
  lossy: string | undefined,
  policy: VolatilePolicy,
): T {
  if (lossy === undefined) return outbox;
  return {
    ...outbox,
    publish: async (message: OutboxMessage) => {
      if (policy === "refuse" && message.lane === "critical") {
        const text = `Cannot take "${message.subject}" on the lane critical: nothing that is stored here is durable: ${lossy}`;
        throw new PetioleError("ERR_STORE_VOLATILE", text);
      }
      return { ...(await outbox.publish(message)), outcome: "volatile" };
    },
  };
}
