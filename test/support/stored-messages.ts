import type { JetStreamManager, StoredMsg } from "@nats-io/jetstream";

/** All that a stream of the hub holds, oldest first. What was deleted in between is left out. */
export async function storedMessages(manager: JetStreamManager, stream = "PETIOLE"): Promise<StoredMsg[]> {
  const { state } = await manager.streams.info(stream);
  const found: StoredMsg[] = [];
  // An empty stream begins at 0, which is no sequence.
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq += 1) {
    const message = await manager.streams.getMessage(stream, { seq });
    if (message !== null) found.push(message);
  }
  return found;
}
