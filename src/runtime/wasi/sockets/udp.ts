// wasi:sockets/udp over Node's sockets.

import type { RemoteInfo, Socket } from "node:dgram";
import { err, ok } from "../result.ts";
import { Pollable, Signal } from "../waiting.ts";
import { endpointOf, isUnspecified, addressText, parseAddress, socketAddress } from "./addresses.ts";
import type { AddressFamily, Endpoint, IpSocketAddress } from "./addresses.ts";
import type { SocketContext } from "./context.ts";
import { attempt, NetworkError, networkErrorCodeOf, perform } from "./errors.ts";
import type { NetworkErrorCode, NetworkResult } from "./errors.ts";
import { clampBuffer } from "./tcp-options.ts";

/** Datagrams and bytes that wait in each direction of a socket, of which one datagram may exceed the last. */
export const MAX_DATAGRAMS = 64;
export const MAX_DATAGRAM_BYTES = 65_536;
// What fits into one over IPv4.
const LARGEST_DATAGRAM = 65_507;
const HOP_LIMIT = 64;

export interface IncomingDatagram {
  readonly data: Uint8Array;
  readonly remoteAddress: IpSocketAddress;
}

export interface OutgoingDatagram {
  readonly data: Uint8Array;
  readonly remoteAddress?: IpSocketAddress | undefined;
}

/** The socket itself, which a guest sees through three resources. */
export class UdpPort {
  readonly context: SocketContext;
  readonly family: AddressFamily;
  readonly socket: Socket;
  readonly changed = new Signal();
  readonly #release: () => void;
  readonly #received: IncomingDatagram[] = [];
  #receivedBytes = 0;
  #sending = 0;
  #sendingBytes = 0;
  #closed = false;
  /** Set once it is bound. */
  local: Endpoint | undefined;
  /** Takes from and sends to nobody else. */
  remote: Endpoint | undefined;
  bindError: NetworkErrorCode | undefined;
  /** Told to the guest once. */
  sendError: NetworkErrorCode | undefined;

  constructor(context: SocketContext, family: AddressFamily, local: Endpoint) {
    this.context = context;
    this.family = family;
    // First, so that what is refused has made nothing that would have to be closed.
    this.#release = context.open(() => this.close());
    const { createSocket } = process.getBuiltinModule("node:dgram");
    // Addresses need no lookup. Without one Node binds at once, as guests expect: some do not ask twice.
    this.socket = createSocket({
      type: family === "ipv4" ? "udp4" : "udp6",
      ipv6Only: family === "ipv6",
      lookup: (address, _options, found) => found(null, address, family === "ipv4" ? 4 : 6),
    });
    this.socket.on("message", (data, from) => this.#onMessage(data, from));
    this.socket.on("error", (error) => {
      const code = networkErrorCodeOf(error);
      if (this.local === undefined) this.bindError = code;
      else this.sendError = code;
      this.changed.notify();
    });
    this.socket.bind({ address: local.address, port: local.port, exclusive: true }, () => {
      this.local = this.socket.address();
      this.changed.notify();
    });
  }

  /** How many datagrams may be sent now. */
  get room(): number {
    return this.#sendingBytes >= MAX_DATAGRAM_BYTES ? 0 : MAX_DATAGRAMS - this.#sending;
  }

  get received(): number {
    return this.#received.length;
  }

  take(count: number): IncomingDatagram[] {
    const taken = this.#received.splice(0, count);
    for (const { data } of taken) this.#receivedBytes -= data.byteLength;
    return taken;
  }

  forget(): void {
    this.take(this.#received.length);
  }

  send({ data, remoteAddress }: OutgoingDatagram): void {
    const named = remoteAddress === undefined ? undefined : endpointOf(remoteAddress, this.family);
    const { remote } = this;
    const to = named ?? remote;
    if (to === undefined || (named !== undefined && remote !== undefined && !isSame(named, remote))) {
      throw new NetworkError("invalid-argument");
    }
    checkRemote(this.context, to);
    if (data.byteLength > LARGEST_DATAGRAM) throw new NetworkError("datagram-too-large");
    this.#sending++;
    this.#sendingBytes += data.byteLength;
    this.socket.send(data, to.port, to.address, (error) => {
      this.#sending--;
      this.#sendingBytes -= data.byteLength;
      if (error !== null) this.sendError = networkErrorCodeOf(error);
      this.changed.notify();
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.forget();
    this.socket.close();
    this.#release();
  }

  // More than fits is lost, as datagrams may be.
  #onMessage(data: Buffer, from: RemoteInfo): void {
    const full = this.#received.length >= MAX_DATAGRAMS || this.#receivedBytes + data.byteLength > MAX_DATAGRAM_BYTES;
    if (full || this.#closed) return;
    const ip = parseAddress(from.address);
    if (ip === undefined) return;
    const sender = { address: addressText(ip), port: from.port };
    if (this.remote !== undefined && !isSame(this.remote, sender)) return;
    if (!this.context.mayReach(sender) && !this.context.mayListen(this.local?.port ?? 0)) return;
    this.#receivedBytes += data.byteLength;
    this.#received.push({ data: new Uint8Array(data), remoteAddress: socketAddress(sender) });
    this.changed.notify();
  }
}

export class IncomingDatagramStream {
  readonly #port: UdpPort;

  constructor(port: UdpPort) {
    this.#port = port;
  }

  /** None when there are none yet. */
  receive(maxResults: bigint): NetworkResult<IncomingDatagram[]> {
    return ok(this.#port.take(maxResults < MAX_DATAGRAMS ? Number(maxResults) : MAX_DATAGRAMS));
  }

  subscribe(): Pollable {
    const port = this.#port;
    const subscribe = (wake: () => void): (() => void) => port.changed.subscribe(wake);
    return new Pollable(port.context.suspend, { ready: () => port.received > 0, subscribe });
  }
}

export class OutgoingDatagramStream {
  readonly #port: UdpPort;

  constructor(port: UdpPort) {
    this.#port = port;
  }

  checkSend(): NetworkResult<bigint> {
    return this.#failed() ?? ok(BigInt(this.#port.room));
  }

  /**
   * How many were taken: all, or those before the first that could not be, or for which there was no room.
   * @throws Error when there are more than check-send allowed, which ends the guest's call
   */
  send(datagrams: readonly OutgoingDatagram[]): NetworkResult<bigint> {
    const failed = this.#failed();
    if (failed !== undefined) return failed;
    if (datagrams.length > this.#port.room) throw new Error("send exceeds what check-send allowed");
    let sent = 0n;
    for (const datagram of datagrams) {
      if (sent > 0n && this.#port.room === 0) break;
      const taken = perform(() => this.#port.send(datagram));
      if (taken.tag === "err") return sent > 0n ? ok(sent) : taken;
      sent++;
    }
    return ok(sent);
  }

  subscribe(): Pollable {
    const port = this.#port;
    const ready = (): boolean => port.room > 0 || port.sendError !== undefined;
    return new Pollable(port.context.suspend, { ready, subscribe: (wake) => port.changed.subscribe(wake) });
  }

  #failed(): NetworkResult<never> | undefined {
    const code = this.#port.sendError;
    this.#port.sendError = undefined;
    return code === undefined ? undefined : err(code);
  }
}

export class UdpSocket implements Disposable {
  readonly #context: SocketContext;
  readonly #family: AddressFamily;
  #port: UdpPort | undefined;
  #bound = false;
  #receiveBuffer = clampBuffer(BigInt(MAX_DATAGRAM_BYTES));
  #sendBuffer = clampBuffer(BigInt(MAX_DATAGRAM_BYTES));

  constructor(context: SocketContext, family: AddressFamily) {
    this.#context = context;
    this.#family = family;
  }

  startBind(_network: unknown, localAddress: IpSocketAddress): NetworkResult<undefined> {
    return perform(() => {
      const local = endpointOf(localAddress, this.#family);
      if (this.#port !== undefined) throw new NetworkError("invalid-state");
      if (local.port !== 0 && !this.#context.mayListen(local.port)) throw new NetworkError("access-denied");
      this.#port = new UdpPort(this.#context, this.#family, local);
    });
  }

  finishBind(): NetworkResult<undefined> {
    return perform(() => {
      const port = this.#port;
      if (port === undefined || this.#bound) throw new NetworkError("not-in-progress");
      if (port.bindError !== undefined) {
        this.#port = undefined;
        port.close();
        throw new NetworkError(port.bindError);
      }
      if (port.local === undefined) throw new NetworkError("would-block");
      this.#bound = true;
    });
  }

  /** What came for the streams before is dropped. */
  stream(
    remoteAddress: IpSocketAddress | undefined,
  ): NetworkResult<readonly [IncomingDatagramStream, OutgoingDatagramStream]> {
    return attempt(() => {
      const port = this.#ready();
      const remote = remoteAddress === undefined ? undefined : endpointOf(remoteAddress, this.#family);
      if (remote !== undefined) checkRemote(this.#context, remote);
      port.remote = remote;
      port.forget();
      return [new IncomingDatagramStream(port), new OutgoingDatagramStream(port)];
    });
  }

  localAddress(): NetworkResult<IpSocketAddress> {
    return attempt(() => socketAddress(this.#ready().local));
  }

  remoteAddress(): NetworkResult<IpSocketAddress> {
    return attempt(() => socketAddress(this.#ready().remote));
  }

  addressFamily(): AddressFamily {
    return this.#family;
  }

  unicastHopLimit(): NetworkResult<number> {
    return ok(HOP_LIMIT);
  }

  setUnicastHopLimit(value: number): NetworkResult<undefined> {
    if (value === 0) return err("invalid-argument");
    return value === HOP_LIMIT ? ok(undefined) : err("not-supported");
  }

  receiveBufferSize(): NetworkResult<bigint> {
    return ok(this.#receiveBuffer);
  }

  setReceiveBufferSize(value: bigint): NetworkResult<undefined> {
    if (value === 0n) return err("invalid-argument");
    this.#receiveBuffer = clampBuffer(value);
    return ok(undefined);
  }

  sendBufferSize(): NetworkResult<bigint> {
    return ok(this.#sendBuffer);
  }

  setSendBufferSize(value: bigint): NetworkResult<undefined> {
    if (value === 0n) return err("invalid-argument");
    this.#sendBuffer = clampBuffer(value);
    return ok(undefined);
  }

  subscribe(): Pollable {
    const port = this.#port;
    const ready = (): boolean => port === undefined || port.local !== undefined || port.bindError !== undefined;
    const subscribe = (wake: () => void): (() => void) => port?.changed.subscribe(wake) ?? (() => {});
    return new Pollable(this.#context.suspend, { ready, subscribe });
  }

  [Symbol.dispose](): void {
    this.#port?.close();
  }

  #ready(): UdpPort {
    if (this.#port === undefined || !this.#bound) throw new NetworkError("invalid-state");
    return this.#port;
  }
}

function checkRemote(context: SocketContext, remote: Endpoint): void {
  if (remote.port === 0 || isUnspecified(remote)) throw new NetworkError("invalid-argument");
  if (!context.mayReach(remote)) throw new NetworkError("access-denied");
}

const isSame = (a: Endpoint, b: Endpoint): boolean => a.address === b.address && a.port === b.port;
