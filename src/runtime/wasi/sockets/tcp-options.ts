// Options of a TCP socket: kept until there is a connection, then applied as far as Node can.

import type { Socket } from "node:net";
import { err, ok } from "../result.ts";
import type { NetworkErrorCode, NetworkResult } from "./errors.ts";
import { SOCKET_BUFFER } from "./tcp-streams.ts";

export const DEFAULT_BACKLOG = 16;
/** Connections that wait to be accepted, whatever the guest asks for. */
export const MAX_BACKLOG = 32;

const NANOSECONDS_A_MS = 1_000_000n;
// What Linux begins with.
const IDLE_TIME = 7_200_000_000_000n;
const INTERVAL = 75_000_000_000n;
const PROBES = 9;
const HOP_LIMIT = 64;

const DONE = ok(undefined);
const INVALID = err<NetworkErrorCode>("invalid-argument");

export abstract class TcpOptions {
  #backlog = DEFAULT_BACKLOG;
  #keepAlive = false;
  #idleTime = IDLE_TIME;
  #interval = INTERVAL;
  #count = PROBES;
  #receiveBuffer = BigInt(SOCKET_BUFFER);
  #sendBuffer = BigInt(SOCKET_BUFFER);

  /** The socket that options go to at once. */
  protected abstract get applied(): Socket | undefined;

  protected get backlog(): number {
    return this.#backlog;
  }

  protected setBacklog(value: bigint): NetworkResult<undefined> {
    if (value === 0n) return INVALID;
    this.#backlog = value < MAX_BACKLOG ? Number(value) : MAX_BACKLOG;
    return DONE;
  }

  protected apply(socket: Socket): void {
    socket.setKeepAlive(this.#keepAlive, Number(this.#idleTime / NANOSECONDS_A_MS));
  }

  /** An accepted connection begins with the options of who accepted it. */
  protected inherit(from: TcpOptions): void {
    this.#keepAlive = from.#keepAlive;
    this.#idleTime = from.#idleTime;
    this.#interval = from.#interval;
    this.#count = from.#count;
    this.#receiveBuffer = from.#receiveBuffer;
    this.#sendBuffer = from.#sendBuffer;
    this.#changed();
  }

  keepAliveEnabled(): NetworkResult<boolean> {
    return ok(this.#keepAlive);
  }

  setKeepAliveEnabled(value: boolean): NetworkResult<undefined> {
    this.#keepAlive = value;
    return this.#changed();
  }

  keepAliveIdleTime(): NetworkResult<bigint> {
    return ok(this.#idleTime);
  }

  setKeepAliveIdleTime(value: bigint): NetworkResult<undefined> {
    if (value === 0n) return INVALID;
    // The kernel counts seconds, at least one and at most 32767.
    const second = 1000n * NANOSECONDS_A_MS;
    const seconds = (value + second - 1n) / second;
    this.#idleTime = (seconds < 32_767n ? seconds : 32_767n) * second;
    return this.#changed();
  }

  keepAliveInterval(): NetworkResult<bigint> {
    return ok(this.#interval);
  }

  /** Kept and not applied: Node knows only the idle time. */
  setKeepAliveInterval(value: bigint): NetworkResult<undefined> {
    if (value === 0n) return INVALID;
    this.#interval = value;
    return DONE;
  }

  keepAliveCount(): NetworkResult<number> {
    return ok(this.#count);
  }

  /** Kept and not applied, as the interval. */
  setKeepAliveCount(value: number): NetworkResult<undefined> {
    if (value === 0) return INVALID;
    this.#count = value;
    return DONE;
  }

  hopLimit(): NetworkResult<number> {
    return ok(HOP_LIMIT);
  }

  setHopLimit(value: number): NetworkResult<undefined> {
    if (value === 0) return INVALID;
    return value === HOP_LIMIT ? DONE : err("not-supported");
  }

  receiveBufferSize(): NetworkResult<bigint> {
    return ok(this.#receiveBuffer);
  }

  setReceiveBufferSize(value: bigint): NetworkResult<undefined> {
    if (value === 0n) return INVALID;
    this.#receiveBuffer = clampBuffer(value);
    return DONE;
  }

  sendBufferSize(): NetworkResult<bigint> {
    return ok(this.#sendBuffer);
  }

  setSendBufferSize(value: bigint): NetworkResult<undefined> {
    if (value === 0n) return INVALID;
    this.#sendBuffer = clampBuffer(value);
    return DONE;
  }

  #changed(): NetworkResult<undefined> {
    const socket = this.applied;
    if (socket !== undefined) this.apply(socket);
    return DONE;
  }
}

/** A hint, as in the standard: the buffer never grows beyond what an instance may hold. */
export function clampBuffer(value: bigint): bigint {
  return value < SOCKET_BUFFER ? value : BigInt(SOCKET_BUFFER);
}
