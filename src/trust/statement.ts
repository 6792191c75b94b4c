// A signed statement: "these bytes are version V of component N". The envelope and what is signed are those of DSSE 1.0
// (secure-systems-lab/dsse): the signature covers the type of the payload and the payload as it stands, so that nothing
// has to be written again before it can be verified.

import { sign, type KeyObject } from "node:crypto";
import { z } from "zod";
import { decodeBase64 } from "./base64.ts";
import { publicHalf } from "./keys.ts";
import { isVersion } from "./version.ts";

const PAYLOAD_TYPE = "application/vnd.petiole.statement.v1+json";
const MAX_SIGNATURES = 16;

const version = z.string().refine(isVersion, "want a version such as 1.2.0");
/** Whole seconds of UTC: one spelling for each moment. */
const moment = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, "want a time such as 2027-01-31T00:00:00Z")
  .refine((text) => !Number.isNaN(Date.parse(text)), "want a time that exists");

const statementSchema = z.strictObject({
  name: z.string().min(1).max(128),
  version,
  /** Of the component's file. */
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/, "want sha256: and 64 hexadecimal digits"),
  size: z.int().min(0),
  "min-agent": version.optional(),
  "not-before": moment.optional(),
  "not-after": moment.optional(),
});

export type Statement = Readonly<z.output<typeof statementSchema>>;

const envelopeSchema = z.strictObject({
  payloadType: z.literal(PAYLOAD_TYPE),
  payload: z.string(),
  signatures: z
    .array(z.strictObject({ keyid: z.string().max(256).optional(), sig: z.string() }))
    .min(1)
    .max(MAX_SIGNATURES),
});

/** One signature of a statement. */
export interface StatementSignature {
  /** Which key is said to have made it; nothing vouches for that but that it fits. */
  readonly keyId: string | undefined;
  readonly signature: Buffer;
}

export interface SignedStatement {
  readonly statement: Statement;
  /** What was signed. */
  readonly signed: Buffer;
  readonly signatures: readonly StatementSignature[];
}

/** Keys in the order of the schema, nothing between them. */
export function encodeStatement(statement: Statement): Buffer {
  const ordered = Object.keys(statementSchema.shape).map((key) => [key, statement[key as keyof Statement]]);
  return Buffer.from(JSON.stringify(Object.fromEntries(ordered)));
}

/** The text of a file for `statement`, signed by `keys`. */
export function signStatement(statement: Statement, keys: readonly KeyObject[]): string {
  const payload = encodeStatement(statementSchema.parse(statement));
  const signatures = keys.map((key) => ({
    keyid: publicHalf(key).id,
    sig: sign(null, preAuthentication(payload), key).toString("base64"),
  }));
  return format(payload, signatures);
}

/**
 * The file with the signature of `key` added, in the place of one that it made before; undefined when the file is of
 * another statement.
 */
export function addSignature(text: string, statement: Statement, key: KeyObject): string | undefined {
  const parsed = parseSignedStatement(text);
  const payload = encodeStatement(statementSchema.parse(statement));
  if ("fault" in parsed || !encodeStatement(parsed.statement).equals(payload)) return undefined;
  const keyid = publicHalf(key).id;
  const others = parsed.signatures
    .filter((one) => one.keyId !== keyid)
    .map(({ keyId, signature }) => ({
      ...(keyId !== undefined && { keyid: keyId }),
      sig: signature.toString("base64"),
    }));
  return format(payload, [...others, { keyid, sig: sign(null, preAuthentication(payload), key).toString("base64") }]);
}

/** Nothing is verified here. `fault` says why it cannot be read. */
export function parseSignedStatement(text: string): SignedStatement | { readonly fault: string } {
  const envelope = read(envelopeSchema, text);
  if ("fault" in envelope) return envelope;
  const payload = decodeBase64(envelope.value.payload);
  if (payload === undefined) return { fault: "its payload is not base64" };
  const statement = read(statementSchema, payload.toString());
  if ("fault" in statement) return statement;
  // One spelling for each statement: who reads it otherwise reads the same.
  if (!encodeStatement(statement.value).equals(payload)) return { fault: "its statement is not in canonical form" };
  const signatures: StatementSignature[] = [];
  for (const { keyid, sig } of envelope.value.signatures) {
    const signature = decodeBase64(sig);
    if (signature === undefined) return { fault: "a signature is not base64" };
    signatures.push({ keyId: keyid, signature });
  }
  return { statement: statement.value, signed: preAuthentication(payload), signatures };
}

/** PAE of DSSE 1.0. */
export function preAuthentication(payload: Uint8Array, type = PAYLOAD_TYPE): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.byteLength} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

function format(payload: Buffer, signatures: readonly object[]): string {
  return `${JSON.stringify({ payloadType: PAYLOAD_TYPE, payload: payload.toString("base64"), signatures })}\n`;
}

function read<T>(schema: z.ZodType<T>, text: string): { readonly value: T } | { readonly fault: string } {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return { fault: "it is not JSON" };
  }
  const result = schema.safeParse(raw);
  if (result.success) return { value: result.data };
  const [issue] = result.error.issues;
  return { fault: `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "it does not fit"}` };
}
