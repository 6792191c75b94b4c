import { formatReference, type ObjectReference } from "../../domain/artifact-reference.ts";
import { PetioleError } from "../../domain/errors.ts";
import type { ObjectReader, StoredObject } from "../../host/ports.ts";
import type { ArtifactSource } from "./source.ts";

/** An object in an object store of the hub, for devices that reach nothing but NATS. */
export function createObjectSource(reference: ObjectReference, reader: ObjectReader): ArtifactSource {
  const { bucket, name } = reference;
  let found: StoredObject | undefined;
  return {
    async resolve(_known, signal) {
      const { digest, size, metadata } = (found = await reader.find(bucket, name, signal));
      return { digest, content: digest, size, annotations: metadata };
    },
    async open({ content }, offset, signal) {
      const object = found ?? (await reader.find(bucket, name, signal));
      if (object.digest === content) return await reader.read(bucket, object, offset, signal);
      throw new PetioleError(
        "ERR_ARTIFACT_DIGEST",
        `Cannot fetch "${formatReference(reference)}": it was put again meanwhile`,
      );
    },
    // An object comes in pieces of 128 KiB, and only a whole one is something that was heard.
    patience: 4,
    [Symbol.asyncDispose]: async () => {},
  };
}
