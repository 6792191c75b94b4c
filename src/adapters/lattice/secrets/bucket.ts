// Secrets in a key-value bucket of the hub, in the clear: whoever may read the bucket may read them.

import { PetioleError } from "../../../domain/errors.ts";
import { seconds, type Millis } from "../../../domain/units.ts";
import type { SecretBackend } from "../../../host/ports.ts";
import type { NatsPath } from "../../../provider/services.ts";
import { partOf, valueOf } from "../../../lib/secret-value.ts";
import { jetStreamCode, describeNatsError } from "../nats-error.ts";
import { openJetStream, STREAM_NOT_FOUND } from "../jetstream.ts";
import { bucketStream, bucketSubject } from "../subjects.ts";

export interface BucketSecretsOptions {
  readonly nats: NatsPath;
  readonly bucket: string;
  readonly refresh: Millis;
}

const LIMIT = seconds(5);
const KEY = /^[A-Za-z0-9_/=-]+(\.[A-Za-z0-9_/=-]+)*$/;
const REVISION = /^[1-9]\d{0,14}$/;

export function createBucketSecrets({ nats, bucket, refresh }: BucketSecretsOptions): SecretBackend {
  return {
    refresh,
    settles: false,
    async read({ reference }) {
      const { secret, version } = reference;
      const what = `Cannot read the ${reference.toString()} from the bucket "${bucket}"`;
      const missing = (why: string): PetioleError => new PetioleError("ERR_SECRET_NOT_FOUND", `${what}: ${why}`);
      if (!KEY.test(secret)) throw missing("want the name of a key");
      if (version !== undefined && !REVISION.test(version)) throw missing("its versions are numbers");
      const live = nats.current();
      if (live === undefined) {
        const why = nats.reason() ?? "there is no connection to the hub";
        throw new PetioleError("ERR_SECRET_UNAVAILABLE", `${what}: ${why}`);
      }
      const subject = bucketSubject(bucket, secret);
      const query = version === undefined ? { last_by_subj: subject } : { seq: Number(version) };
      try {
        const manager = await openJetStream(live, { domain: nats.domain, timeout: LIMIT });
        const message = await manager.streams.getMessage(bucketStream(bucket), query);
        // A revision is one of the whole bucket.
        if (message === null || message.subject !== subject) throw missing("there is none");
        // By somebody, or by the bucket's own limits.
        const markers = ["KV-Operation", "Nats-Marker-Reason"].map((name) => message.header.get(name) ?? "");
        if (markers.some((marker) => marker !== "")) throw missing("it was deleted");
        return partOf(reference, valueOf(message.data));
      } catch (cause) {
        if (cause instanceof PetioleError) throw cause;
        if (jetStreamCode(cause) === STREAM_NOT_FOUND) throw missing("the hub has no such bucket");
        throw new PetioleError("ERR_SECRET_UNAVAILABLE", `${what}: ${describeNatsError(cause)}`, { cause });
      }
    },
  };
}
