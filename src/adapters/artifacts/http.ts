import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { PetioleError } from "../../domain/errors.ts";
import type { Millis } from "../../domain/units.ts";

export interface HttpOptions {
  /** PEM of authorities to trust instead of the system's. */
  readonly ca?: string | undefined;
  /** Plain http is allowed, also as the target of a redirection. */
  readonly insecure: boolean;
  /** A connection on which nothing moves for so long is given up. */
  readonly stall: Millis;
  /** `HTTPS_PROXY` and its like are read from it. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface HttpQuestion {
  readonly method: "GET" | "HEAD" | "POST" | "PUT";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | { readonly size: number; readonly open: () => Readable } | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** To be read to its end, or destroyed. */
  readonly body: IncomingMessage;
  /** Where it came from, after redirections. */
  readonly url: URL;
}

/** Disposing it closes its connections. */
export interface HttpClient extends Disposable {
  /** @throws PetioleError ERR_ARTIFACT_UNREACHABLE; the signal's reason */
  ask(question: HttpQuestion, signal: AbortSignal): Promise<HttpAnswer>;
}

const MAX_REDIRECTIONS = 5;
const REDIRECTIONS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** On node's own client, because `fetch` cannot be given authorities to trust. */
export function createHttpClient({ ca, insecure, stall, env }: HttpOptions): HttpClient {
  const common = { keepAlive: true, proxyEnv: { ...env } };
  const agents = {
    http: new HttpAgent(common),
    https: new HttpsAgent({ ...common, ...(ca === undefined ? {} : { ca }) }),
  };

  async function askOnce({ method, url, headers, body }: HttpQuestion, signal: AbortSignal): Promise<HttpAnswer> {
    signal.throwIfAborted();
    const size = body === undefined ? undefined : body instanceof Uint8Array ? body.byteLength : body.size;
    const options = {
      method,
      signal,
      timeout: stall,
      headers: {
        "user-agent": "petiole",
        ...(size === undefined ? {} : { "content-length": String(size) }),
        ...headers,
      },
    };
    const request =
      url.protocol === "https:"
        ? httpsRequest(url, { ...options, agent: agents.https })
        : httpRequest(url, { ...options, agent: agents.http });
    const answered = Promise.withResolvers<IncomingMessage>();
    request.on("response", answered.resolve);
    // A listener for good: a connection may also fail after its answer has begun.
    request.on("error", answered.reject);
    request.on("timeout", () => request.destroy(new Error(`nothing moved for ${stall / 1000} s`)));
    if (body === undefined || body instanceof Uint8Array) request.end(body);
    // A registry may answer before it has read everything; what then fails is the answer's business.
    else pipeline(body.open(), request).catch(answered.reject);
    const response = await answered.promise;
    return { status: response.statusCode ?? 0, headers: response.headers, body: response, url };
  }

  return {
    async ask(question, signal) {
      let current = question;
      try {
        for (let hops = 0; ; hops++) {
          const answer = await askOnce(current, signal);
          const { location } = answer.headers;
          const reading = current.method === "GET" || current.method === "HEAD";
          if (!reading || !REDIRECTIONS.has(answer.status) || location === undefined) return answer;
          answer.body.resume();
          if (hops === MAX_REDIRECTIONS) throw new Error(`more than ${MAX_REDIRECTIONS} redirections`);
          const url = new URL(location, current.url);
          if (url.protocol !== "https:" && !(insecure && url.protocol === "http:")) {
            throw new Error(`it redirects to "${url.origin}", which is not https`);
          }
          current = { ...current, url, headers: headersFor(current, url) };
        }
      } catch (cause) {
        if (signal.aborted) throw signal.reason;
        throw unreachable(current.url, cause);
      }
    },
    [Symbol.dispose]() {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

/** Credentials are for the host that asked for them. */
function headersFor({ headers, url: from }: HttpQuestion, to: URL): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers ?? {}).filter(
      ([name]) => from.origin === to.origin || name.toLowerCase() !== "authorization",
    ),
  );
}

export function unreachable(url: URL, cause: unknown): PetioleError {
  return new PetioleError("ERR_ARTIFACT_UNREACHABLE", `Cannot reach "${url.host}": ${describeFailure(cause)}`, {
    cause,
  });
}

/** Some failures of a connection carry their text in what they consist of, or in their code only. */
function describeFailure(cause: unknown): string {
  if (cause instanceof AggregateError && cause.errors.length > 0) return describeFailure(cause.errors[0]);
  if (!(cause instanceof Error)) return String(cause);
  if (cause.message !== "") return cause.message;
  return "code" in cause ? String(cause.code) : cause.name;
}

/**
 * The whole of a small body.
 * @throws PetioleError ERR_ARTIFACT_UNREACHABLE when it breaks off, ERR_ARTIFACT_TOO_LARGE
 */
export async function readAnswer({ body, url }: HttpAnswer, maxSize: number, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk as Buffer); // A stream without an encoding gives buffers.
      size += (chunk as Buffer).byteLength;
      if (size > maxSize) {
        const found = `Cannot read the answer of "${url.host}": it has more than ${maxSize} bytes`;
        throw new PetioleError("ERR_ARTIFACT_TOO_LARGE", found);
      }
    }
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    if (cause instanceof PetioleError) throw cause;
    throw unreachable(url, cause);
  }
  return Buffer.concat(chunks);
}
