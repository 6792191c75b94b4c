// What a component says of a request before it is sent.

import { err, ok, type WasiResult } from "../result.ts";
import type { Suspend } from "../waiting.ts";
import { BodyPipe, OutgoingBody } from "./body.ts";
import type { ErrorCode } from "./error-code.ts";
import type { Fields } from "./fields.ts";
import { isScheme, methodText, type Method, type Scheme } from "./method.ts";

type Done = WasiResult<undefined, undefined>;
const DONE: Done = ok(undefined);
const REFUSED: WasiResult<never, undefined> = err(undefined);

// A name, an IPv4 address or an IPv6 address in brackets, and a port: no user, and nothing that needs encoding.
const AUTHORITY = /^(?:([A-Za-z0-9._~-]+)|\[([0-9A-Fa-f:.]+)\])(?::(\d{1,5}))?$/;
const PATH = /^(?:[/?][\x21-\x7e]*|\*)?$/;

/** Where a request goes. */
export interface Destination {
  readonly secure: boolean;
  /** A name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  readonly authority: string;
  readonly path: string;
  readonly method: string;
  readonly headers: Fields;
  readonly pipe: BodyPipe | undefined;
}

/** The resource `outgoing-request`. */
export class OutgoingRequest {
  readonly #suspend: Suspend;
  readonly #headers: Fields;
  #method: Method = { tag: "get" };
  #path: string | undefined;
  #scheme: Scheme | undefined;
  #authority: string | undefined;
  #pipe: BodyPipe | undefined;

  constructor(suspend: Suspend, headers: Fields) {
    this.#suspend = suspend;
    this.#headers = headers.frozen();
  }

  body(): WasiResult<OutgoingBody, undefined> {
    if (this.#pipe !== undefined) return REFUSED;
    this.#pipe = new BodyPipe("HTTP-request-body-size");
    this.#pipe.expect(this.#headers.contentLength);
    return ok(new OutgoingBody(this.#suspend, this.#pipe));
  }

  method(): Method {
    return this.#method;
  }

  setMethod(method: Method): Done {
    if (methodText(method) === undefined) return REFUSED;
    this.#method = method;
    return DONE;
  }

  pathWithQuery(): string | undefined {
    return this.#path;
  }

  setPathWithQuery(path: string | undefined): Done {
    if (path !== undefined && !PATH.test(path)) return REFUSED;
    this.#path = path;
    return DONE;
  }

  scheme(): Scheme | undefined {
    return this.#scheme;
  }

  setScheme(scheme: Scheme | undefined): Done {
    if (scheme !== undefined && !isScheme(scheme)) return REFUSED;
    this.#scheme = scheme;
    return DONE;
  }

  authority(): string | undefined {
    return this.#authority;
  }

  setAuthority(authority: string | undefined): Done {
    if (authority !== undefined && !AUTHORITY.test(authority)) return REFUSED;
    this.#authority = authority;
    return DONE;
  }

  headers(): Fields {
    return this.#headers;
  }

  /** For who sends it. Without a scheme it is HTTPS. */
  destination(): WasiResult<Destination, ErrorCode> {
    const scheme = this.#scheme ?? { tag: "HTTPS" };
    if (scheme.tag === "other") return err({ tag: "HTTP-protocol-error" });
    const [, name, address, digits] = AUTHORITY.exec(this.#authority ?? "") ?? [];
    const host = name ?? address;
    const secure = scheme.tag === "HTTPS";
    const port = digits === undefined ? (secure ? 443 : 80) : Number(digits);
    if (host === undefined || this.#authority === undefined || port < 1 || port > 65_535) {
      return err({ tag: "HTTP-request-URI-invalid" });
    }
    const method = methodText(this.#method);
    // CONNECT would give the component a connection instead of a response. Node writes methods in capitals.
    if (method === undefined || method.toUpperCase() === "CONNECT") return err({ tag: "HTTP-request-method-invalid" });
    const length = this.#headers.contentLength ?? 0;
    if (this.#pipe === undefined && length > 0) return err({ tag: "HTTP-request-body-size", val: BigInt(length) });
    const path = this.#path ?? "";
    return ok({
      secure,
      host,
      port,
      authority: this.#authority,
      path: path === "" || path.startsWith("?") ? `/${path}` : path,
      method,
      headers: this.#headers,
      pipe: this.#pipe,
    });
  }
}

/** The resource `request-options`. Durations are in nanoseconds. */
export class RequestOptions {
  #connect: bigint | undefined;
  #firstByte: bigint | undefined;
  #betweenBytes: bigint | undefined;

  connectTimeout(): bigint | undefined {
    return this.#connect;
  }

  setConnectTimeout(duration: bigint | undefined): Done {
    this.#connect = duration;
    return DONE;
  }

  firstByteTimeout(): bigint | undefined {
    return this.#firstByte;
  }

  setFirstByteTimeout(duration: bigint | undefined): Done {
    this.#firstByte = duration;
    return DONE;
  }

  betweenBytesTimeout(): bigint | undefined {
    return this.#betweenBytes;
  }

  setBetweenBytesTimeout(duration: bigint | undefined): Done {
    this.#betweenBytes = duration;
    return DONE;
  }
}
