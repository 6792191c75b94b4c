// A secrets service of wasmCloud 1.x, asked over NATS. What is asked and answered is sealed between keys of the two.

import { headers, nkeys, type NatsConnection } from "@nats-io/transport-node";
import { z } from "zod";
import { PetioleError, isPetioleError, type ErrorCode } from "../../../domain/errors.ts";
import type { SecretReference, SecretValue } from "../../../domain/secret.ts";
import { seconds, type Millis } from "../../../domain/units.ts";
import type { SecretBackend, SecretRequest } from "../../../host/ports.ts";
import type { NatsPath } from "../../../provider/services.ts";
import { describeNatsError } from "../nats-error.ts";

export interface ServiceSecretsOptions {
  readonly nats: NatsPath;
  /** First tokens of the subjects. */
  readonly prefix: string;
  /** The service that is asked; undefined when each reference says which. */
  readonly service: string | undefined;
  readonly refresh: Millis;
  /** Signed claims of whoever wants a secret, and of the host. */
  readonly tokens: (asker: string) => Promise<{ readonly entity: string; readonly host: string }>;
}

const LIMIT = seconds(5);
const HOST_KEY = "WasmCloud-Host-Xkey";
const SERVER_KEY = "Server-Response-Xkey";
const TOKEN = /^[A-Za-z0-9_-]{1,128}$/;

const answerSchema = z.object({
  secret: z.object({
    version: z.string().nullish(),
    string_secret: z.string().nullish(),
    binary_secret: z.array(z.int().min(0).max(255)).nullish(),
  }),
});
const refusalSchema = z.object({ error: z.union([z.string(), z.record(z.string(), z.unknown())]) });

/** What its refusals mean here. Others are for later. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  SecretNotFound: "ERR_SECRET_NOT_FOUND",
  InvalidEntityJWT: "ERR_SECRET_DENIED",
  InvalidHostJWT: "ERR_SECRET_DENIED",
  Unauthorized: "ERR_SECRET_DENIED",
  PolicyError: "ERR_SECRET_DENIED",
  InvalidRequest: "ERR_SECRET_INVALID",
  InvalidPayload: "ERR_SECRET_INVALID",
};

export function createServiceSecrets(options: ServiceSecretsOptions): SecretBackend {
  const { nats, prefix, refresh, tokens } = options;
  /** Of each service; asked for again after a failure, as the service may have another one since. */
  const serverKeys = new Map<string, string>();

  function connection(what: string): NatsConnection {
    const live = nats.current();
    if (live !== undefined) return live;
    throw unavailable(what, nats.reason() ?? "there is no connection to the hub");
  }

  async function serverKey(subject: string, what: string): Promise<string> {
    const known = serverKeys.get(subject);
    if (known !== undefined) return known;
    const answer = await ask(what, async () =>
      connection(what).request(`${subject}.server_xkey`, new Uint8Array(), { timeout: LIMIT }),
    );
    const key = answer.string().trim();
    if (!/^X[A-Z2-7]{55}$/.test(key)) throw unavailable(what, "the service has no key of the kind that is wanted");
    serverKeys.set(subject, key);
    return key;
  }

  return {
    refresh,
    settles: false,
    async read({ reference, asker }: SecretRequest): Promise<SecretValue> {
      const service = options.service ?? reference.context?.service ?? "";
      const what = `Cannot read the ${reference.toString()} from the service "${service}"`;
      if (!TOKEN.test(service))
        throw new PetioleError("ERR_SECRET_INVALID", `${what}: its name is no token of a subject`);
      const subject = `${prefix}.v1alpha1.${service}`;
      const isKnown = serverKeys.has(subject);
      try {
        return await exchange(subject, what, { reference, asker });
      } catch (error) {
        // The service may have another key since.
        serverKeys.delete(subject);
        if (!isKnown || !isPetioleError(error, "ERR_SECRET_UNAVAILABLE")) throw error;
        return await exchange(subject, what, { reference, asker });
      }
    },
  };

  async function exchange(subject: string, what: string, { reference, asker }: SecretRequest): Promise<SecretValue> {
    try {
      const recipient = await serverKey(subject, what);
      // Another one for each question: what was answered before cannot be answered again.
      const own = nkeys.createCurve();
      const body = new TextEncoder().encode(JSON.stringify(question(reference, await tokens(asker))));
      const head = headers();
      head.set(HOST_KEY, own.getPublicKey());
      const sealed = own.seal(body, recipient);
      const answer = await ask(what, async () =>
        connection(what).request(`${subject}.get`, sealed, { timeout: LIMIT, headers: head }),
      );
      const sender = answer.headers?.get(SERVER_KEY) ?? "";
      if (sender === "") throw refusal(what, answer.string());
      return valueIn(what, own.open(answer.data, sender));
    } catch (error) {
      if (isPetioleError(error)) throw error;
      // What the library says of a key or of sealing is nothing of the secret.
      throw unavailable(what, describeNatsError(error));
    }
  }
}

function question(
  { secret, field, version, context }: SecretReference,
  tokens: { entity: string; host: string },
): object {
  return {
    key: secret,
    ...(field === undefined ? {} : { field }),
    ...(version === undefined ? {} : { version }),
    context: {
      entity_jwt: tokens.entity,
      host_jwt: tokens.host,
      application: {
        ...(context?.application === undefined ? {} : { name: context.application }),
        policy: context?.policy ?? NO_POLICY,
      },
    },
  };
}

const NO_POLICY = JSON.stringify({ type: "properties.secret.wasmcloud.dev/v1alpha1", properties: {} });

function valueIn(what: string, opened: Uint8Array | null): SecretValue {
  if (opened === null) throw unavailable(what, "its answer was not sealed for this device");
  let parsed: z.infer<typeof answerSchema> | undefined;
  try {
    parsed = answerSchema.safeParse(JSON.parse(new TextDecoder().decode(opened))).data;
  } catch {
    // What the parser says would show a part of it.
  }
  const { string_secret: text, binary_secret: bytes } = parsed?.secret ?? {};
  if (typeof text === "string") return text;
  if (Array.isArray(bytes)) return Uint8Array.from(bytes);
  throw new PetioleError("ERR_SECRET_INVALID", `${what}: its answer has no value`);
}

function refusal(what: string, body: string): PetioleError {
  let error: z.infer<typeof refusalSchema>["error"] | undefined;
  try {
    error = refusalSchema.safeParse(JSON.parse(body)).data?.error;
  } catch {
    // Said below.
  }
  if (error === undefined) return unavailable(what, "its answer cannot be read");
  const name = typeof error === "string" ? error : (Object.keys(error)[0] ?? "Other");
  const shown = name.replace(/[^A-Za-z0-9]/g, "").slice(0, 64);
  const code = Object.hasOwn(CODES, name) ? CODES[name] : undefined;
  return new PetioleError(code ?? "ERR_SECRET_UNAVAILABLE", `${what}: it answers ${shown}`);
}

async function ask<T>(what: string, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (cause) {
    if (cause instanceof PetioleError) throw cause;
    throw new PetioleError("ERR_SECRET_UNAVAILABLE", `${what}: ${describeNatsError(cause)}`, { cause });
  }
}

const unavailable = (what: string, why: string): PetioleError =>
  new PetioleError("ERR_SECRET_UNAVAILABLE", `${what}: ${why}`);
