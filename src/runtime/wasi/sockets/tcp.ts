// wasi:sockets/tcp over Node's sockets.

import type { Server, Socket } from "node:net";
import { err, ok } from "../result.ts";
import { InputStream, OutputStream } from "../streams.ts";
import { Pollable, Signal } from "../waiting.ts";
import { endpointOf, isUnspecified, socketAddress } from "./addresses.ts";
import type { AddressFamily, Endpoint, IpSocketAddress } from "./addresses.ts";
import type { SocketContext } from "./context.ts";
import { attempt, NetworkError, networkErrorCodeOf, perform } from "./errors.ts";
import type { NetworkErrorCode, NetworkResult } from "./errors.ts";
import { TcpOptions } from "./tcp-options.ts";
import { TcpConnection } from "./tcp-streams.ts";

type State =
  | { readonly kind: "unbound" }
  /** Node binds when it connects or listens, so that binding itself always succeeds. */
  | { readonly kind: "binding" | "bound"; readonly local: Endpoint }
  | { readonly kind: "connecting"; readonly socket: Socket; outcome?: "connected" | NetworkErrorCode }
  | {
      readonly kind: "connected";
      readonly socket: Socket;
      readonly connection: TcpConnection;
      readonly local: Endpoint | undefined;
      readonly remote: Endpoint | undefined;
    }
  | { readonly kind: "starting"; readonly server: Server; outcome?: "listening" | NetworkErrorCode }
  | { readonly kind: "listening"; readonly server: Server }
  | { readonly kind: "closed" };

type Streams = readonly [InputStream, OutputStream];

export class TcpSocket extends TcpOptions implements Disposable {
  readonly #context: SocketContext;
  readonly #family: AddressFamily;
  readonly #changed = new Signal();
  readonly #accepted: { readonly socket: Socket; readonly release: () => void }[] = [];
  readonly #release: () => void;
  #state: State = { kind: "unbound" };

  /** @throws NetworkError new-socket-limit */
  constructor(context: SocketContext, family: AddressFamily, connected?: Socket) {
    super();
    this.#context = context;
    this.#family = family;
    this.#release = context.open(() => this.#destroy());
    if (connected !== undefined) this.#connect(connected);
  }

  startBind(_network: unknown, localAddress: IpSocketAddress): NetworkResult<undefined> {
    return perform(() => {
      const local = endpointOf(localAddress, this.#family);
      if (this.#state.kind !== "unbound") throw new NetworkError("invalid-state");
      if (local.port !== 0 && !this.#context.mayListen(local.port)) throw new NetworkError("access-denied");
      this.#state = { kind: "binding", local };
    });
  }

  finishBind(): NetworkResult<undefined> {
    return perform(() => {
      if (this.#state.kind !== "binding") throw new NetworkError("not-in-progress");
      this.#state = { kind: "bound", local: this.#state.local };
    });
  }

  startConnect(_network: unknown, remoteAddress: IpSocketAddress): NetworkResult<undefined> {
    return perform(() => {
      const state = this.#state;
      if (state.kind !== "unbound" && state.kind !== "bound") throw new NetworkError("invalid-state");
      const remote = endpointOf(remoteAddress, this.#family);
      if (remote.port === 0 || isUnspecified(remote)) throw new NetworkError("invalid-argument");
      if (!this.#context.mayReach(remote)) throw new NetworkError("access-denied");
      const local = state.kind === "bound" ? { localAddress: state.local.address, localPort: state.local.port } : {};
      const { connect } = process.getBuiltinModule("node:net");
      const socket = connect({ host: remote.address, port: remote.port, allowHalfOpen: true, ...local });
      const connecting: State = { kind: "connecting", socket };
      this.#state = connecting;
      socket.once("connect", () => {
        connecting.outcome = "connected";
        this.#changed.notify();
      });
      socket.on("error", (error) => {
        connecting.outcome ??= networkErrorCodeOf(error);
        this.#changed.notify();
      });
    });
  }

  finishConnect(): NetworkResult<Streams> {
    return attempt(() => {
      const state = this.#state;
      if (state.kind !== "connecting") throw new NetworkError("not-in-progress");
      if (state.outcome === undefined) throw new NetworkError("would-block");
      if (state.outcome === "connected") return this.#connect(state.socket);
      this.#state = { kind: "closed" };
      throw new NetworkError(state.outcome);
    });
  }

  startListen(): NetworkResult<undefined> {
    return perform(() => {
      const state = this.#state;
      if (state.kind !== "bound") throw new NetworkError("invalid-state");
      const { address, port } = state.local;
      if (!this.#context.mayListen(port)) throw new NetworkError("access-denied");
      const { createServer } = process.getBuiltinModule("node:net");
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
      const starting: State = { kind: "starting", server };
      this.#state = starting;
      server.on("connection", (socket) => this.#onConnection(socket));
      server.once("listening", () => {
        starting.outcome = "listening";
        this.#changed.notify();
      });
      server.on("error", (error) => {
        starting.outcome ??= networkErrorCodeOf(error);
        this.#changed.notify();
      });
      const ipv6Only = this.#family === "ipv6";
      server.listen({ host: address, port, backlog: this.backlog, exclusive: true, ipv6Only });
    });
  }

  finishListen(): NetworkResult<undefined> {
    return perform(() => {
      const state = this.#state;
      if (state.kind !== "starting") throw new NetworkError("not-in-progress");
      if (state.outcome === undefined) throw new NetworkError("would-block");
      this.#state = state.outcome === "listening" ? { kind: "listening", server: state.server } : { kind: "closed" };
      if (state.outcome !== "listening") throw new NetworkError(state.outcome);
    });
  }

  accept(): NetworkResult<readonly [TcpSocket, ...Streams]> {
    return attempt(() => {
      if (this.#state.kind !== "listening") throw new NetworkError("invalid-state");
      const next = this.#accepted.shift();
      if (next === undefined) throw new NetworkError("would-block");
      next.release();
      if (next.socket.destroyed) throw new NetworkError("connection-aborted");
      const socket = new TcpSocket(this.#context, this.#family, next.socket);
      socket.inherit(this);
      return [socket, ...socket.#streams()];
    });
  }

  localAddress(): NetworkResult<IpSocketAddress> {
    return attempt(() => socketAddress(this.#local()));
  }

  remoteAddress(): NetworkResult<IpSocketAddress> {
    return attempt(() => {
      if (this.#state.kind !== "connected") throw new NetworkError("invalid-state");
      return socketAddress(this.#state.remote);
    });
  }

  isListening(): boolean {
    return this.#state.kind === "listening";
  }

  addressFamily(): AddressFamily {
    return this.#family;
  }

  setListenBacklogSize(value: bigint): NetworkResult<undefined> {
    const { kind } = this.#state;
    if (kind === "connecting" || kind === "connected" || kind === "closed") return err("invalid-state");
    return this.setBacklog(value);
  }

  subscribe(): Pollable {
    return new Pollable(this.#context.suspend, {
      ready: () => this.#isReady(),
      subscribe: (wake) => this.#changed.subscribe(wake),
    });
  }

  shutdown(type: "receive" | "send" | "both"): NetworkResult<undefined> {
    if (this.#state.kind !== "connected") return err("invalid-state");
    this.#state.connection.shutdown(type !== "send", type !== "receive");
    return ok(undefined);
  }

  [Symbol.dispose](): void {
    const state = this.#state;
    // A connection counts until what was written is out.
    if (state.kind === "connected") state.connection.close();
    else this.#destroy();
  }

  protected override get applied(): Socket | undefined {
    return this.#state.kind === "connected" ? this.#state.socket : undefined;
  }

  #connect(socket: Socket): Streams {
    const connection = new TcpConnection(socket, this.#release);
    // Taken down now: a guest may ask for them when the connection is over already.
    const local = endpoint(socket.localAddress, socket.localPort);
    const remote = endpoint(socket.remoteAddress, socket.remotePort);
    this.#state = { kind: "connected", socket, connection, local, remote };
    this.apply(socket);
    return this.#streams();
  }

  #streams(): Streams {
    if (this.#state.kind !== "connected") throw new NetworkError("invalid-state");
    const { connection } = this.#state;
    const { suspend } = this.#context;
    return [new InputStream(suspend, connection.source), new OutputStream(suspend, connection.sink)];
  }

  #onConnection(socket: Socket): void {
    if (this.#accepted.length >= this.backlog || this.#context.full) {
      socket.destroy();
      return;
    }
    // Errors before the guest has accepted it show when it does.
    socket.on("error", () => {});
    const release = this.#context.open(() => socket.destroy());
    this.#accepted.push({ socket, release });
    this.#changed.notify();
  }

  #isReady(): boolean {
    const state = this.#state;
    if (state.kind === "connecting" || state.kind === "starting") return state.outcome !== undefined;
    return state.kind !== "listening" || this.#accepted.length > 0;
  }

  #local(): Endpoint | undefined {
    const state = this.#state;
    if (state.kind === "bound" || state.kind === "connected") return state.local;
    const address = state.kind === "listening" ? state.server.address() : null;
    return address === null || typeof address === "string" ? undefined : address;
  }

  #destroy(): void {
    const state = this.#state;
    this.#state = { kind: "closed" };
    if (state.kind === "connecting" || state.kind === "connected") state.socket.destroy();
    if (state.kind === "starting" || state.kind === "listening") state.server.close();
    for (const { socket, release } of this.#accepted.splice(0)) {
      release();
      socket.destroy();
    }
    this.#release();
  }
}

function endpoint(address: string | undefined, port: number | undefined): Endpoint | undefined {
  return address === undefined || port === undefined ? undefined : { address, port };
}
