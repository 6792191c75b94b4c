import { PetioleError } from "../../../domain/errors.ts";
import { Assembly } from "./assembly.ts";
import type { Codec } from "./codec.ts";
import { faultOf, WireFault } from "./faults.ts";
import { after, readLimits, type ByteBudget, type CallLimits } from "./limits.ts";
import type { OpenPart, PartSource } from "./reader.ts";

export interface IncomingOptions {
  readonly codec: Codec;
  readonly limits: CallLimits;
  readonly budget: ByteBudget;
  /** What streams hold counts as well; then `close` has to be called. */
  readonly budgetStreams: boolean;
  /** For messages: `the results of … at "…"`. */
  readonly what: string;
  readonly onValue: (value: unknown) => void;
  /** The value cannot come any more. */
  readonly onFailure: (error: PetioleError) => void;
  /** Nothing is expected any more. */
  readonly onDone: () => void;
}

/** Paths that may be written to before it is known which ones there are. */
const MOST_EARLY = 64;

/** The parameters or the results of one call as they come in, with the streams and futures of them. */
export class Incoming {
  readonly #options: IncomingOptions;
  readonly #assembly: Assembly;
  readonly #channels = new Map<string, Channel>();
  #state: "reading" | "parts" | "done" = "reading";
  // Bytes of the value while it is not complete, and of streams until they are read.
  #assembling = 0;
  #waiting = 0;
  #heard = 0;
  #idle: Disposable | undefined;

  constructor(options: IncomingOptions) {
    this.#options = options;
    this.#assembly = new Assembly(readLimits(options.limits));
  }

  /** The value came, or cannot come. */
  get complete(): boolean {
    return this.#state !== "reading";
  }

  /** Nothing is expected any more. */
  get done(): boolean {
    return this.#state === "done";
  }

  /** Takes a piece of the value. Unless told otherwise, an empty one is its end. */
  push(piece: Uint8Array, last = piece.length === 0): void {
    // It ends itself: what comes later is its end marker.
    if (this.#state !== "reading") return;
    try {
      if (piece.length > 0) this.#assembly.push(piece);
      const found = this.#assembly.take((input) => this.#options.codec.read(input), last);
      if (found === undefined) {
        if (last) throw new PetioleError("ERR_CALL_FAILED", `Cannot read ${this.#options.what}: they ended too early`);
        if (!this.#options.budget.take(piece.length)) throw this.#busy();
        this.#assembling += piece.length;
        return;
      }
      if (this.#assembly.length > 0) {
        throw new WireFault("malformed", `${this.#assembly.length} bytes follow them`);
      }
      this.#begin(found.parts);
      this.#options.onValue(found.value);
    } catch (error) {
      this.fail(faultOf(this.#options.what, error));
    }
  }

  /** Takes a piece of what is at `path`; an empty one is its end. */
  pushPart(path: string, piece: Uint8Array): void {
    if (this.#state === "done") return;
    this.#heard = performance.now();
    const known = this.#channels.get(path);
    if (known === undefined && (this.#state !== "reading" || this.#channels.size >= MOST_EARLY)) return;
    const channel = known ?? this.#open(path);
    if (piece.length === 0) {
      channel.end();
      return;
    }
    const { limits, budget, budgetStreams } = this.#options;
    if (this.#waiting + piece.length > limits.value) this.fail(this.#tooMuch());
    else if (budgetStreams && !budget.take(piece.length)) this.fail(this.#busy());
    else {
      this.#waiting += piece.length;
      channel.push(piece);
    }
  }

  #tooMuch(): PetioleError {
    const found = `more than ${this.#options.limits.value} bytes of streams wait to be read`;
    return new PetioleError("ERR_CALL_TOO_LARGE", `Cannot hold ${this.#options.what}: ${found}`);
  }

  #busy(): PetioleError {
    const found = `the calls that are on their way take ${this.#options.limits.total} bytes already`;
    return new PetioleError("ERR_COMPONENT_BUSY", `Cannot hold ${this.#options.what}: ${found}`);
  }

  #taken(bytes: number): void {
    this.#waiting -= bytes;
    if (this.#options.budgetStreams) this.#options.budget.give(bytes);
  }

  /** Nobody should read what there may still be of it. */
  close(): void {
    if (this.complete && this.#channels.size === 0) return;
    this.fail(new PetioleError("ERR_CALL_FAILED", `Cannot read ${this.#options.what}: the call is over`));
    for (const channel of this.#channels.values()) channel.cancel();
  }

  /** Nothing more comes of what is at `path`. */
  failPart(path: string, error: PetioleError): void {
    this.#channels.get(path)?.fail(error);
  }

  /** Nothing more comes of it. */
  fail(error: PetioleError): void {
    const state = this.#state;
    if (state === "done") return;
    this.#state = "done";
    this.#assembled();
    for (const channel of this.#channels.values()) channel.fail(error);
    if (state === "reading") this.#options.onFailure(error);
    this.#finish();
  }

  #assembled(): void {
    this.#options.budget.give(this.#assembling);
    this.#assembling = 0;
  }

  #begin(parts: readonly OpenPart[]): void {
    this.#assembled();
    if (parts.length === 0 && this.#channels.size === 0) {
      this.#state = "done";
      this.#finish();
      return;
    }
    const wanted = new Set(parts.map(({ path }) => path));
    for (const [path, channel] of this.#channels) {
      if (wanted.has(path)) continue;
      channel.cancel();
      this.#channels.delete(path);
    }
    // Those that ended already are given out and forgotten at once.
    for (const part of parts) part.begin(this.#channels.get(part.path) ?? this.#open(part.path));
    this.#state = "parts";
    this.#settle();
    if (this.#state === "parts") this.#watch();
  }

  #open(path: string): Channel {
    const channel = new Channel({
      onTaken: (bytes) => this.#taken(bytes),
      onClosed: () => this.#settle(),
    });
    this.#channels.set(path, channel);
    return channel;
  }

  #settle(): void {
    if (this.#state !== "parts" || [...this.#channels.values()].some((channel) => !channel.closed)) return;
    this.#state = "done";
    this.#finish();
  }

  #finish(): void {
    this.#idle?.[Symbol.dispose]();
    this.#options.onDone();
  }

  #watch(): void {
    const { idle } = this.#options.limits;
    this.#heard = performance.now();
    const look = (): void => {
      const left = idle - (performance.now() - this.#heard);
      if (left > 0) this.#idle = after((left + 1) as typeof idle, look);
      else {
        const message = `Cannot read ${this.#options.what}: nothing came of a stream for ${idle} ms`;
        this.fail(new PetioleError("ERR_CALL_TIMEOUT", message));
      }
    };
    this.#idle = after(idle, look);
  }
}

interface ChannelOptions {
  readonly onTaken: (bytes: number) => void;
  readonly onClosed: () => void;
}

/** The messages of one stream or future, until they are read. */
class Channel implements PartSource {
  readonly #options: ChannelOptions;
  readonly #pieces: Uint8Array[] = [];
  #end: "open" | "ended" | "cancelled" | PetioleError = "open";
  #wake: (() => void) | undefined;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  /** Nothing more is taken for it. */
  get closed(): boolean {
    return this.#end !== "open";
  }

  push(piece: Uint8Array): void {
    if (this.#end === "open") this.#pieces.push(piece);
    else this.#options.onTaken(piece.length);
    this.#wake?.();
  }

  end(): void {
    this.#close("ended");
  }

  fail(error: PetioleError): void {
    this.#close(error);
  }

  cancel(): void {
    this.#close("cancelled");
    for (const piece of this.#pieces.splice(0)) this.#options.onTaken(piece.length);
  }

  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece !== undefined) {
        this.#options.onTaken(piece.length);
        return piece;
      }
      if (this.#end instanceof PetioleError) throw this.#end;
      if (this.#end !== "open") return undefined;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #close(how: "ended" | "cancelled" | PetioleError): void {
    if (this.#end !== "open") return;
    this.#end = how;
    this.#wake?.();
    this.#options.onClosed();
  }
}
