// The two streams of a TCP connection. What is buffered is bounded by Node's own marks.

import type { Socket } from "node:net";
import { CLOSED, type ByteSink, type ByteSource, type StreamError } from "../streams.ts";
import { Signal, type Waitable } from "../waiting.ts";
import { networkErrorCodeOf, socketStreamError, type NetworkErrorCode } from "./errors.ts";

/** Bytes that wait in each direction of a connection. */
export const SOCKET_BUFFER = 65_536;

// How long a connection that the guest has closed may take to hand over what was written.
const LINGER_MS = 10_000;

/** A connection of a guest. Its socket has to allow being half open, and must not have been read from. */
export class TcpConnection {
  readonly source: ByteSource;
  readonly sink: ByteSink;
  readonly #socket: Socket;
  readonly #changed = new Signal();
  #failure: NetworkErrorCode | undefined;
  #noMoreRead = false;
  #noMoreWritten = false;
  #flushing = false;

  /** `onClosed` is called once, when nothing of it is left; that may be so already. */
  constructor(socket: Socket, onClosed: () => void) {
    this.#socket = socket;
    if (socket.errored !== null) this.#failure = networkErrorCodeOf(socket.errored);
    const notify = (): void => this.#changed.notify();
    socket.on("readable", () => {
      // The end shows only to who reads.
      if (socket.readableLength === 0) socket.read();
      notify();
    });
    socket.on("end", () => {
      this.#noMoreRead = true;
      notify();
    });
    socket.on("error", (error) => {
      this.#failure ??= networkErrorCodeOf(error);
    });
    if (socket.closed) onClosed();
    else {
      socket.on("close", () => {
        notify();
        onClosed();
      });
    }
    const subscribe = (wake: () => void): (() => void) => this.#changed.subscribe(wake);
    this.source = this.#source({ ready: () => this.#isReadable(), subscribe });
    this.sink = this.#sink({ ready: () => this.#isOver || this.#room > 0, subscribe });
  }

  shutdown(receive: boolean, send: boolean): void {
    if (receive) this.#stopReading();
    if (send) this.#stopWriting();
    this.#changed.notify();
  }

  /** Hands over what was written, and then ends. */
  close(): void {
    this.#stopReading();
    this.#noMoreWritten = true;
    if (this.#socket.destroyed) return;
    this.#socket.setTimeout(LINGER_MS, () => this.#socket.destroy());
    this.#socket.destroySoon();
  }

  #source(waitable: Waitable): ByteSource {
    return {
      ...waitable,
      read: (max) => {
        const { readableLength } = this.#socket;
        if (!this.#noMoreRead && readableLength > 0) {
          // The type of what read() gives is `any`; this socket has no encoding.
          const bytes = this.#socket.read(Math.min(max, readableLength)) as Buffer | null;
          if (bytes !== null) return new Uint8Array(bytes);
        }
        return this.#isReadable() ? this.#ended() : new Uint8Array(0);
      },
      close: () => this.#stopReading(),
    };
  }

  #sink(waitable: Waitable): ByteSink {
    return {
      ...waitable,
      space: () => (this.#isOver ? this.#ended() : this.#room),
      write: (bytes) => {
        this.#socket.write(bytes, () => {
          if (this.#socket.writableLength === 0) this.#flushing = false;
          this.#changed.notify();
        });
      },
      flush: () => {
        this.#flushing = this.#socket.writableLength > 0;
      },
      close: () => {},
    };
  }

  get #room(): number {
    return this.#flushing ? 0 : Math.max(0, SOCKET_BUFFER - this.#socket.writableLength);
  }

  get #isOver(): boolean {
    return this.#noMoreWritten || this.#socket.destroyed;
  }

  #isReadable(): boolean {
    return this.#noMoreRead || this.#socket.destroyed || this.#socket.readableLength > 0;
  }

  #ended(): StreamError {
    return this.#failure === undefined ? CLOSED : socketStreamError(this.#failure);
  }

  #stopReading(): void {
    if (this.#noMoreRead) return;
    this.#noMoreRead = true;
    // What still comes is thrown away, so that the other side can finish.
    this.#socket.removeAllListeners("readable");
    this.#socket.resume();
  }

  #stopWriting(): void {
    if (this.#noMoreWritten) return;
    this.#noMoreWritten = true;
    this.#socket.end();
  }
}
