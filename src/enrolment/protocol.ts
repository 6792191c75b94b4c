// What devices ask their fleet, and what it answers: JSON over request and reply. The hub lets a user send on the
// subject of its own key alone; each request is signed besides, by every key that it is about.

import { z } from "zod";
import { isPublicKey, isSignedBy, signText, type KeyText } from "./keys.ts";

/** Of a request or an answer, in bytes. */
export const MAX_MESSAGE = 16 * 1024;

export type Purpose = "enrol" | "renew" | "recover" | "confirm";

const userKey = z.string().refine((text) => isPublicKey(text, "user"), "want the public key of a user");
const deviceName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, "want letters, digits, - and _, at most 64");
const fact = z.string().max(128).optional();

const factsSchema = z.strictObject({
  /** Digest of the machine id. */
  machine: fact,
  serial: fact,
  arch: fact,
  version: fact,
});

/** What a device tells of itself, for people who look at the list of devices. */
export type DeviceFacts = z.infer<typeof factsSchema>;

const payloadSchema = z.strictObject({
  v: z.literal(1),
  purpose: z.enum(["enrol", "renew", "recover", "confirm"]),
  /** Public key of the account: what is signed for one fleet is worth nothing in another. */
  fleet: z.string().max(64),
  name: deviceName,
  /** The key that it is to be known by. */
  key: userKey,
  /** The key with which it may ask again when its credentials have expired. */
  recovery: userKey,
  facts: factsSchema,
});

export type Payload = z.infer<typeof payloadSchema>;

const requestSchema = z.strictObject({
  payload: z.string().max(4096),
  signatures: z
    .record(z.string().max(64), z.string().max(128))
    .refine((all) => Object.keys(all).length <= 3, "want three signatures at most"),
});

export const REFUSALS = [
  "malformed",
  "unknown-token",
  "token-expired",
  "token-spent",
  "token-withdrawn",
  "name-mismatch",
  "name-taken",
  "key-known",
  "unknown-device",
  "superseded",
  "revoked",
  "too-many-keys",
  "unavailable",
] as const;
export type Refusal = (typeof REFUSALS)[number];

const answerSchema = z.discriminatedUnion("ok", [
  z.object({
    ok: z.literal(true),
    name: z.string().max(64),
    /** None in the answer to a confirmation. */
    jwt: z.string().max(8192).optional(),
    recovery: z.string().max(8192).optional(),
  }),
  z.object({ ok: z.literal(false), refusal: z.string().max(64), message: z.string().max(512), retryable: z.boolean() }),
]);

export type Answer = z.infer<typeof answerSchema>;

export function formatRequest(payload: Payload, signers: readonly KeyText[]): string {
  const text = JSON.stringify(payload);
  const signatures = Object.fromEntries(signers.map(({ publicKey, seed }) => [publicKey, signText(seed, text)]));
  return JSON.stringify({ payload: text, signatures });
}

/** What is asked on the subject of `asker`; undefined unless it is well formed and signed by all whom it names. */
export function parseRequest(body: string, asker: string): Payload | undefined {
  if (body.length > MAX_MESSAGE) return undefined;
  const request = requestSchema.safeParse(parseJson(body));
  if (!request.success) return undefined;
  const { payload: text, signatures } = request.data;
  const payload = payloadSchema.safeParse(parseJson(text));
  if (!payload.success) return undefined;
  const { key, recovery } = payload.data;
  if (key === recovery) return undefined;
  const isSigned = [asker, key, recovery].every((one) => isSignedBy(one, text, signatures[one] ?? ""));
  return isSigned ? payload.data : undefined;
}

export function parseAnswer(body: string): Answer | undefined {
  if (body.length > MAX_MESSAGE) return undefined;
  const answer = answerSchema.safeParse(parseJson(body));
  return answer.success ? answer.data : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
