import { backoffDelay, reasonOf, seconds, millis, type BackoffOptions, type Clock, type Logger } from "#provider";
import {
  GpioError,
  type ChipSource,
  type GpioChip,
  type LineEvent,
  type LineInfo,
  type LineRequest,
  type LineSettings,
} from "./backend.ts";

const BACKOFF: BackoffOptions = { initial: millis(250), max: seconds(30) };
/** Not every kernel says that a chip was unplugged, so it is asked now and then. */
const CHECK_EVERY = seconds(30);

export interface KeptRequestDeps {
  readonly source: ChipSource;
  readonly consumer: string;
  /** The lines that are wanted of a chip. @throws GpioError */
  readonly plan: (chip: GpioChip) => readonly LineSettings[];
  readonly eventBuffer: number | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onEvents: (events: readonly LineEvent[]) => void;
  readonly onLost: () => void;
  /** The chip was away: outputs have their initial level again, and numbers of edges begin anew. */
  readonly onRestored: () => void;
}

/** Lines that are taken again when their chip was unplugged and is back. Until then, they fail with `disconnected`. */
export interface KeptRequest extends AsyncDisposable {
  readonly label: string;
  get(offsets: readonly number[]): readonly boolean[];
  set(levels: ReadonlyMap<number, boolean>): void;
  /** As it was when the line was taken. */
  info(offset: number): LineInfo | undefined;
}

interface Held extends AsyncDisposable {
  readonly chip: GpioChip;
  readonly request: LineRequest;
  /** Aborted when the chip is gone. */
  readonly gone: AbortController;
}

/** @throws GpioError when the lines cannot be taken the first time */
export async function keepRequest(deps: KeptRequestDeps): Promise<KeptRequest> {
  const { source, consumer, plan, eventBuffer, clock, log, onEvents, onLost, onRestored } = deps;
  const stopping = new AbortController();
  const { signal } = stopping;
  let infos: ReadonlyMap<number, LineInfo> = new Map();

  const open = async (): Promise<Held> => {
    await using stack = new AsyncDisposableStack();
    const chip = stack.use(source.open());
    const lines = plan(chip);
    const request = stack.use(chip.request({ consumer, lines, eventBuffer }));
    infos = new Map(lines.map(({ offset }) => [offset, request.info(offset)]));
    const gone = new AbortController();
    request.onEvents(onEvents);
    request.onLost((error) => gone.abort(error));
    const opened = stack.move();
    return { chip, request, gone, [Symbol.asyncDispose]: async () => await opened.disposeAsync() };
  };

  let held = await open();
  let present = true;

  /** What fails because the chip is gone, and not for a moment, has it looked for. */
  const check = (): void => {
    try {
      held.request.check();
    } catch (error) {
      held.gone.abort(error);
    }
  };

  const use = <T>(work: (request: LineRequest) => T): T => {
    if (!present || held.gone.signal.aborted) {
      throw new GpioError("disconnected", `chip "${source.what}" is gone, and looked for`);
    }
    try {
      return work(held.request);
    } catch (error) {
      if (error instanceof GpioError && error.reason === "disconnected") check();
      throw error;
    }
  };

  /** Resolves when the chip is gone, or with the end. */
  const untilGone = async (): Promise<void> => {
    while (!signal.aborted && !held.gone.signal.aborted) {
      try {
        await clock.sleep(CHECK_EVERY, AbortSignal.any([signal, held.gone.signal]));
        check();
      } catch {
        // One of the two.
      }
    }
  };

  const letGo = async (one: Held): Promise<void> => {
    try {
      await one[Symbol.asyncDispose]();
    } catch (err) {
      log.debug("Cannot let go of a GPIO chip that is gone", { chip: source.what, err });
    }
  };

  const restore = async (): Promise<void> => {
    let reported: string | undefined;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        await clock.sleep(backoffDelay(attempt, BACKOFF), signal);
        held = await open();
        present = true;
        return;
      } catch (err) {
        const reason = reasonOf(err);
        // Said once, not at every try.
        if (!signal.aborted && reason !== reported) log.warn("GPIO chip is not back", { chip: source.what, err });
        reported = reason;
      }
    }
  };

  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      await untilGone();
      if (signal.aborted) return;
      present = false;
      onLost();
      log.warn("GPIO chip is gone, it is looked for", { chip: source.what, err: held.gone.signal.reason });
      await letGo(held);
      await restore();
      if (!present) return;
      log.info("GPIO chip is back", { chip: held.chip.name });
      onRestored();
    }
  };
  const running = run();

  return {
    label: held.chip.label,
    get: (offsets) => use((request) => request.get(offsets)),
    set: (levels) => use((request) => request.set(levels)),
    info: (offset) => infos.get(offset),
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error("the provider stops"));
      await running;
      if (present) await held[Symbol.asyncDispose]();
    },
  };
}
