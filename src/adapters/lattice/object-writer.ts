// Puts files into object stores of the hub: https://docs.nats.io/nats-concepts/jetstream/obj_store (ADR-20).

import { jetstreamManager } from "@nats-io/jetstream";
import { Objm } from "@nats-io/obj";
import type { NatsConnection } from "@nats-io/transport-node";
import { PetioleError } from "../../domain/errors.ts";
import { formatReference, type ObjectReference } from "../../domain/artifact-reference.ts";
import { seconds } from "../../domain/units.ts";
import { STREAM_NOT_FOUND } from "./jetstream.ts";
import { describeNatsError, jetStreamCode } from "./nats-error.ts";
import { objectStream } from "./subjects.ts";

/** For each piece of 128 KiB, over a slow line. */
const PATIENCE = seconds(60);

/**
 * Puts an object in the place of the one of this name; makes the bucket when there is none. What was
 * sent is removed when `content` fails.
 * @returns whether the bucket was made
 * @throws PetioleError ERR_LATTICE_BUCKET
 */
export async function writeObject(
  connection: NatsConnection,
  reference: ObjectReference,
  content: ReadableStream<Uint8Array>,
): Promise<boolean> {
  const { bucket, name } = reference;
  try {
    const manager = await jetstreamManager(connection, { timeout: PATIENCE });
    const isThere = await manager.streams.info(objectStream(bucket)).then(
      () => true,
      (error: unknown) => {
        if (jetStreamCode(error) === STREAM_NOT_FOUND) return false;
        throw error;
      },
    );
    const buckets = new Objm(manager.jetstream());
    const store = await (isThere ? buckets.open(bucket) : buckets.create(bucket));
    await store.put({ name }, content);
    return !isThere;
  } catch (cause) {
    const message = `Cannot put "${formatReference(reference)}": ${describeNatsError(cause)}`;
    throw new PetioleError("ERR_LATTICE_BUCKET", message, { cause });
  }
}
