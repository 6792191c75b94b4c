import { nkeys } from "@nats-io/transport-node";
import type { StateStore } from "../../../host/ports.ts";

const STATE = "lattice-host-key";

/** The host's public key. Made once: a device keeps its place in a lattice over reboots. @throws PetioleError ERR_STORE_FAILED */
export async function recallHostId(state: StateStore): Promise<string> {
  const seed = await state.load(STATE);
  if (seed !== undefined) {
    try {
      const pair = nkeys.fromSeed(new TextEncoder().encode(seed));
      if (pair.getPublicKey().startsWith("N")) return pair.getPublicKey();
    } catch {
      // Not one of ours: a new one is made.
    }
  }
  const pair = nkeys.createServer();
  await state.save(STATE, new TextDecoder().decode(pair.getSeed()));
  return pair.getPublicKey();
}
