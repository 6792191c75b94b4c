// The instances of one component in this worker, and the turns that wait for one of them.

import type { LogLevel } from "../../lib/log.ts";
import type { ExchangeInput } from "../wasi/http/messages.ts";
import { RateLimit } from "../../lib/rate-limit.ts";
import { listFunctions, type ListedFunction } from "../../lib/wit/functions.ts";
import { findStreams, type StreamResources } from "../../lib/wit/streams.ts";
import { CellWriter, NO_TURN } from "./cells.ts";
import { compileGlue } from "./guest-code.ts";
import { Guest } from "./guest.ts";
import type { FromWorker, GroupSetup, RetireReason, TurnBody } from "./protocol.ts";
import type { Scheduler, TurnSource } from "./scheduler.ts";
import type vm from "node:vm";

/** How many log entries may come at once after a quiet time, in seconds' worth. */
const LOG_BURST_SECONDS = 4;
const MIN_LOG_BURST = 10;

export interface GroupDeps {
  readonly setup: GroupSetup;
  readonly scheduler: Scheduler;
  readonly post: (message: FromWorker) => void;
  readonly clock: () => number;
  readonly current: Int32Array;
  /** The group was closed and nothing of it is left. */
  readonly onClosed: () => void;
}

export class Group implements TurnSource {
  readonly #deps: GroupDeps;
  readonly setup: GroupSetup;
  config: GroupSetup["config"];
  readonly cells: CellWriter;
  readonly exports: readonly ListedFunction[];
  readonly imports: readonly ListedFunction[];
  readonly streams: StreamResources;
  readonly #guests = new Map<number, Guest>();
  readonly #starting: Guest[] = [];
  readonly #idle: Guest[] = [];
  readonly #logLimit: RateLimit;
  #turns: { readonly turn: number; readonly body: TurnBody }[] = [];
  #script: vm.Script | undefined;
  #heldBack = 0;
  #closed = false;

  constructor(deps: GroupDeps) {
    const { setup } = deps;
    this.#deps = deps;
    this.setup = setup;
    this.config = setup.config;
    this.cells = new CellWriter(setup.cells);
    this.exports = listFunctions(setup.exports);
    this.imports = listFunctions(setup.imports);
    this.streams = findStreams(setup.imports);
    const burst = Math.max(MIN_LOG_BURST, setup.logRate * LOG_BURST_SECONDS);
    this.#logLimit = new RateLimit({ burst, perSecond: setup.logRate });
  }

  get number(): number {
    return this.setup.group;
  }

  get ready(): boolean {
    if (this.#closed) return false;
    return this.#starting.length > 0 || (this.#idle.length > 0 && this.#turns.length > 0);
  }

  /** The glue, compiled once for all instances. */
  script(): vm.Script {
    return (this.#script ??= compileGlue(this.setup));
  }

  guest(instance: number): Guest | undefined {
    return this.#guests.get(instance);
  }

  start(instance: number, place: number): void {
    const { scheduler, clock, current } = this.#deps;
    const guest = new Guest({ group: this, instance, place, scheduler, clock, current });
    this.#guests.set(instance, guest);
    this.#starting.push(guest);
    scheduler.announce(this);
  }

  enqueue(turn: number, body: TurnBody): void {
    this.#turns.push({ turn, body });
    if (this.#guests.size === 0) this.#giveBack();
    else this.#deps.scheduler.announce(this);
  }

  /** News of the client for the turn that serves it. */
  input(turn: number, input: ExchangeInput): void {
    const guest = [...this.#guests.values()].find((one) => one.turn === turn);
    if (guest !== undefined) {
      guest.input(input);
      return;
    }
    // The client went before the turn began: nobody would see what it does.
    const at = input.kind === "cut" ? this.#turns.findIndex((one) => one.turn === turn) : -1;
    if (at < 0) return;
    this.#turns.splice(at, 1);
    this.post(["cancelled", this.number, turn]);
  }

  next(): Guest | undefined {
    const starting = this.#starting.shift();
    if (starting !== undefined) return starting;
    if (this.#turns.length === 0) return undefined;
    for (let guest = this.#idle.shift(); guest !== undefined; guest = this.#idle.shift()) {
      const recycling = guest.recycling;
      if (recycling !== undefined) {
        this.#retire(guest, recycling);
        continue;
      }
      const first = this.#turns.shift();
      if (first === undefined) {
        this.#idle.unshift(guest);
        return undefined;
      }
      guest.assign(first.turn, first.body);
      return guest;
    }
    return undefined;
  }

  /** Its turn has ended; `reason` says why it takes no other. */
  free(guest: Guest, reason: RetireReason | undefined): void {
    if (reason !== undefined) {
      this.#retire(guest, reason);
      return;
    }
    this.#idle.push(guest);
    if (this.#turns.length > 0) this.#deps.scheduler.announce(this);
  }

  expire(instance: number, turn: number): void {
    const guest = this.#guests.get(instance);
    if (guest === undefined) return;
    if (guest.turn === turn && turn !== NO_TURN) this.#drop(guest, "expired");
    else this.post(["kept", this.number, instance]);
  }

  close(): void {
    this.#closed = true;
    this.#turns = [];
    this.#deps.scheduler.withdraw(this);
    for (const guest of this.#guests.values()) this.#drop(guest, "expired");
    this.#reportClosed();
  }

  configure(config: GroupSetup["config"]): void {
    this.config = config;
  }

  codeCache(): Uint8Array | undefined {
    return this.#script?.createCachedData();
  }

  post(message: FromWorker): void {
    if (!this.#closed || message[0] === "closed") this.#deps.post(message);
  }

  log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void {
    const suppressed = this.#logLimit.take(this.#deps.clock());
    if (suppressed === undefined) {
      this.#heldBack++;
      return;
    }
    const all = suppressed === 0 ? fields : { ...fields, suppressed };
    this.post(["log", this.number, level, message, all]);
  }

  reportHeldBack(): void {
    if (this.#heldBack === 0) return;
    this.post(["held-back", this.number, this.#heldBack]);
    this.#heldBack = 0;
  }

  /**
   * Says that the guest is gone once control is back at the event loop: should its code keep the worker busy instead
   * when what it waits for fails, the main thread waits for that in vain and ends the worker.
   */
  #drop(guest: Guest, reason: RetireReason): void {
    guest.drop();
    setImmediate(() => this.#retire(guest, reason));
  }

  #retire(guest: Guest, reason: RetireReason): void {
    if (!this.#guests.delete(guest.instance)) return;
    guest.drop();
    guest[Symbol.dispose]();
    for (const list of [this.#idle, this.#starting]) {
      const at = list.indexOf(guest);
      if (at >= 0) list.splice(at, 1);
    }
    this.post(["retired", this.number, guest.instance, reason, reason === "expired" ? guest.computed : 0]);
    if (this.#guests.size > 0) return;
    this.#giveBack();
    this.#reportClosed();
  }

  #giveBack(): void {
    if (this.#turns.length === 0) return;
    const turns = this.#turns.map(({ turn }) => turn);
    this.#turns = [];
    this.post(["unstarted", this.number, turns]);
  }

  #reportClosed(): void {
    if (!this.#closed || this.#guests.size > 0) return;
    this.post(["closed", this.number]);
    this.#deps.onClosed();
  }
}
