// Puts files into object stores of the hub: https://docs.nats.io/nats-concepts/jetstream/obj_store (ADR-20).

import { jetstream } from "@nats-io/jetstream";
import { Objm } from "@nats-io/obj";
import type { NatsConnection } from "@nats-io/transport-node";
import { PetioleError } from "../../domain/errors.ts";
import { formatReference, type ObjectReference } from "../../domain/artifact-reference.ts";
import { describeNatsError } from "./nats-error.ts";

export interface WrittenObject {
  readonly size: number;
  /** False when the bucket was there. */
  readonly madeBucket: boolean;
}

/**
 * Puts an object in the place of the one of this name; makes the bucket when there is none.
 * @throws PetioleError ERR_LATTICE_BUCKET
 */
export async function writeObject(
  connection: NatsConnection,
  reference: ObjectReference,
  content: ReadableStream<Uint8Array>,
): Promise<WrittenObject> {
  const { bucket, name } = reference;
  try {
    const buckets = new Objm(jetstream(connection));
    const isThere = (await Array.fromAsync(buckets.list())).some(({ bucket: one }) => one === bucket);
    const store = await (isThere ? buckets.open(bucket) : buckets.create(bucket));
    const { size } = await store.put({ name }, content);
    return { size, madeBucket: !isThere };
  } catch (cause) {
    const message = `Cannot put "${formatReference(reference)}": ${describeNatsError(cause)}`;
    throw new PetioleError("ERR_LATTICE_BUCKET", message, { cause });
  }
}
