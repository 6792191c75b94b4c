// What is said between the runtime, which carries out requests of wasi:http/outgoing-handler, and a provider that decides
// about them. Plain values: they pass between threads.

import type { Bytes, Millis } from "../domain/units.ts";

/** A request that a component wants to make. */
export interface EgressRequest {
  readonly method: string;
  readonly secure: boolean;
  /** A name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  /** The settings that the runtime has already. */
  readonly known: string | undefined;
}

export interface EgressPermit {
  /** Names the settings: they are other ones when it is another one. */
  readonly key: string;
  /** The host is named by its address, or as `localhost`: that is where the request may go. */
  readonly trusted: boolean;
  /** Undefined when the runtime has them. */
  readonly settings: EgressSettings | undefined;
}

export interface EgressSettings {
  /** Where names may lead besides public addresses, such as `192.168.1.0/24`. */
  readonly networks: readonly string[];
  /** Upper bounds: a component may ask for less. */
  readonly timeouts: {
    readonly connect: Millis;
    readonly firstByte: Millis;
    readonly betweenBytes: Millis;
    /** From the request to the end of its response. */
    readonly total: Millis;
  };
  /** Of the body of a response. */
  readonly maxResponse: Bytes;
  /** Of an instance, to one host and port. */
  readonly maxConnections: number;
  /** How long a connection without a request is kept; 0 closes it at once. */
  readonly keepAlive: Millis;
  /** PEM. With `ca`, only those authorities are trusted. */
  readonly tls: {
    readonly ca?: string | undefined;
    readonly cert?: string | undefined;
    readonly key?: string | undefined;
  };
}
