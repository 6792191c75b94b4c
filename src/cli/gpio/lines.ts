import { loadGpioTools, type GpioTools, type LineLevel } from "../../../providers/index.ts";
import type { Millis } from "../../domain/units.ts";
import { printAnswer } from "../agent-socket.ts";
import { edgeToJson, formatEdge, formatLevels, levelToJson } from "./text.ts";

interface Json {
  readonly json?: true;
}
type Options<Key extends "get" | "hold" | "watch"> = Omit<Parameters<GpioTools[Key]>[2], "onSet" | "onEdge">;

export type GetOptions = Json & Options<"get">;
export type SetOptions = Json & Options<"hold"> & { readonly for?: Millis };
export type WatchOptions = Json & Options<"watch"> & { readonly count?: number };

/** `petiole gpio get` */
export async function gpioGet(chip: string, lines: readonly string[], options: GetOptions): Promise<void> {
  const createTools = await loadGpioTools();
  print(options, await createTools().get(chip, lines, options));
}

/** `petiole gpio set` */
export async function gpioSet(chip: string, levels: ReadonlyMap<string, boolean>, options: SetOptions): Promise<void> {
  const createTools = await loadGpioTools();
  const onSet = (set: readonly LineLevel[]): void => {
    print(options, set);
    if (options.json !== true && options.for === undefined) console.error("held until Ctrl-C");
  };
  using end = untilSignal(options.for);
  await createTools().hold(chip, levels, { ...options, onSet }, end.signal);
}

/** `petiole gpio watch` */
export async function gpioWatch(chip: string, lines: readonly string[], options: WatchOptions): Promise<void> {
  const createTools = await loadGpioTools();
  using end = untilSignal(undefined);
  let left = options.count ?? Number.POSITIVE_INFINITY;
  await createTools().watch(
    chip,
    lines,
    {
      ...options,
      onEdge: (edge) => {
        process.stdout.write(`${options.json === true ? JSON.stringify(edgeToJson(edge)) : formatEdge(edge)}\n`);
        left -= 1;
        if (left === 0) end.stop();
      },
    },
    end.signal,
  );
}

function print(options: Json, levels: readonly LineLevel[]): void {
  if (options.json === true) printAnswer(options, { lines: levels.map(levelToJson) }, String);
  else printAnswer(options, levels, formatLevels);
}

interface End extends Disposable {
  readonly signal: AbortSignal;
  stop(): void;
}

/** Ctrl-C, SIGTERM, the time or that nobody reads any more ends it; a second signal ends the process at once. */
function untilSignal(time: Millis | undefined): End {
  const ending = new AbortController();
  const stop = (): void => ending.abort();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  process.stdout.on("error", stop);
  const timer = time === undefined ? undefined : setTimeout(stop, time);
  return {
    signal: ending.signal,
    stop,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      process.off("SIGINT", stop);
      process.off("SIGTERM", stop);
    },
  };
}
