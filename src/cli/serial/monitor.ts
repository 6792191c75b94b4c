import { parse } from "yaml";
import { loadSerialTools } from "../../../providers/index.ts";
import { PetioleError } from "../../domain/errors.ts";
import type { Millis } from "../../domain/units.ts";
import { systemClock } from "../../lib/clock.ts";
import { reasonOf } from "../../lib/reason.ts";
import { formatFramed, framedToJson } from "./text.ts";

export interface MonitorOptions {
  readonly json?: true;
  readonly baud: number;
  readonly dataBits: string;
  readonly parity: string;
  readonly stopBits: string;
  readonly flowControl: string;
  readonly framing: string;
  readonly hex?: true;
  readonly count?: number;
  readonly for?: Millis;
}

/** `petiole serial monitor` */
export async function serialMonitor(path: string, options: MonitorOptions): Promise<void> {
  const config = {
    path,
    baud_rate: options.baud,
    data_bits: Number(options.dataBits),
    parity: options.parity,
    stop_bits: Number(options.stopBits),
    flow_control: options.flowControl,
    framing: framingOf(options.framing),
  };
  const createTools = await loadSerialTools();
  const ending = new AbortController();
  const stop = (): void => ending.abort();
  // A second signal ends the process at once.
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  // Nobody reads any more.
  process.stdout.on("error", stop);
  const timer = options.for === undefined ? undefined : setTimeout(stop, options.for);
  let left = options.count ?? Number.POSITIVE_INFINITY;
  try {
    await createTools(systemClock).monitor(
      config,
      (framed) => {
        const now = new Date();
        const line =
          options.json === true ? JSON.stringify(framedToJson(framed, now)) : formatFramed(framed, now, options);
        process.stdout.write(`${line}\n`);
        if (framed.kind === "frame") left -= 1;
        if (left === 0) stop();
      },
      ending.signal,
    );
  } finally {
    clearTimeout(timer);
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

/** A type alone, or a map of YAML. */
function framingOf(text: string): unknown {
  try {
    const value: unknown = parse(text);
    return typeof value === "string" ? { type: value } : value;
  } catch (cause) {
    throw new PetioleError("ERR_PROVIDER_CONFIG", `Cannot read the framing "${text}": ${reasonOf(cause)}`, { cause });
  }
}
