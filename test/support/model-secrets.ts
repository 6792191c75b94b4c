// A secrets service as wasmCloud 1.x has them, by its own means: it opens what it is asked and seals what it answers.

import { connect, headers, nkeys, type Msg } from "@nats-io/transport-node";

export interface SecretsQuestion {
  readonly key: string;
  readonly field?: string;
  readonly version?: string;
  readonly context: {
    readonly entity_jwt: string;
    readonly host_jwt: string;
    readonly application: { readonly name?: string; readonly policy: string };
  };
}

export interface SecretsService extends AsyncDisposable {
  readonly values: Map<string, string | Uint8Array>;
  /** Answers with this error while it is set. */
  error: string | Readonly<Record<string, unknown>> | undefined;
  readonly asked: readonly SecretsQuestion[];
  /** As after a restart: what was sealed for the key before cannot be opened. */
  renewKey(): void;
}

export interface Claims {
  readonly iss: string;
  readonly sub: string;
  readonly wascap: Readonly<Record<string, unknown>>;
}

/** What a token says. @throws Error when nobody has signed it */
export function readToken(token: string): Claims {
  const [head = "", payload = "", signature = ""] = token.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as Claims;
  const signed = Buffer.from(`${head}.${payload}`);
  if (nkeys.fromPublic(claims.iss).verify(signed, Buffer.from(signature, "base64url"))) return claims;
  throw new Error("the signature of a token does not fit");
}

export async function startSecretsService(
  url: string,
  { service = "vault", prefix = "wasmcloud.secrets" }: { readonly service?: string; readonly prefix?: string } = {},
): Promise<SecretsService> {
  const nats = await connect({ servers: url });
  const values = new Map<string, string | Uint8Array>();
  const asked: SecretsQuestion[] = [];
  let key = nkeys.createCurve();

  function answer(message: Msg): void {
    const refuse = (error: unknown): void => void message.respond(JSON.stringify({ error }));
    if (made.error !== undefined) return refuse(made.error);
    const asker = message.headers?.get("WasmCloud-Host-Xkey") ?? "";
    let opened: Uint8Array | null = null;
    try {
      opened = key.open(message.data, asker);
    } catch {
      return refuse("InvalidXKey");
    }
    if (opened === null) return refuse("DecryptionError");
    const question = JSON.parse(Buffer.from(opened).toString()) as SecretsQuestion;
    for (const token of [question.context.entity_jwt, question.context.host_jwt]) readToken(token);
    asked.push(question);
    const value = values.get(question.key);
    if (value === undefined) return refuse("SecretNotFound");
    const secret =
      typeof value === "string"
        ? { version: "1", string_secret: value, binary_secret: null }
        : { version: "1", string_secret: null, binary_secret: [...value] };
    // Another key than it was asked with: the header says which.
    const own = nkeys.createCurve();
    const head = headers();
    head.set("Server-Response-Xkey", own.getPublicKey());
    message.respond(own.seal(Buffer.from(JSON.stringify({ secret })), asker), { headers: head });
  }

  const serve = (verb: string, callback: (message: Msg) => void): void =>
    void nats.subscribe(`${prefix}.v1alpha1.${service}.${verb}`, { callback: (_error, message) => callback(message) });
  serve("server_xkey", (message) => void message.respond(key.getPublicKey()));
  serve("get", answer);
  await nats.flush();
  const made: SecretsService = {
    values,
    asked,
    error: undefined,
    renewKey: () => {
      key = nkeys.createCurve();
    },
    [Symbol.asyncDispose]: async () => await nats.close(),
  };
  return made;
}
