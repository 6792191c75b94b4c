// Serial ports by hand, for setting up a device: what `petiole serial` does, without an agent.

import { PetioleError, parseProviderConfig, type Clock } from "#provider";
import { serialSchema } from "./config.ts";
import { createFramer } from "./framing/create-framer.ts";
import type { Framed } from "./framing/framer.ts";
import { listSerialPorts, type PortReport } from "./line/list.ts";
import { openSerialPort } from "./line/serialport.ts";
import { createSilence } from "./line/silence.ts";

export type { PortReport };
export type { Framed };

export interface SerialTools {
  list(): Promise<readonly PortReport[]>;
  /**
   * Reads a port until aborted, or until the device goes away.
   * @throws PetioleError ERR_PROVIDER_CONFIG, ERR_DEVICE_…; ERR_DEVICE_MISSING when it went away
   */
  monitor(config: unknown, onFramed: (framed: Framed) => void, signal: AbortSignal): Promise<void>;
}

export function createSerialTools(clock: Clock): SerialTools {
  return {
    list: async () => await listSerialPorts(),
    async monitor(raw, onFramed, signal) {
      const { ports } = parseProviderConfig("a serial port", serialSchema, { ports: { port: raw } });
      const config = ports["port"];
      if (config === undefined) throw new PetioleError("ERR_INVARIANT", "A port that was parsed is missing");
      const framer = createFramer(config.framing);
      const emit = (all: readonly Framed[]): void => {
        for (const framed of all) if (!signal.aborted) onFramed(framed);
      };
      using silence =
        framer.gap === undefined
          ? undefined
          : createSilence({ gap: framer.gap, clock, onSilence: () => emit(framer.silence()) });
      await using device = await openSerialPort(config, (chunk) => {
        emit(framer.push(chunk));
        silence?.heard();
      });
      const stopped = Promise.withResolvers<"stopped">();
      const stop = (): void => stopped.resolve("stopped");
      signal.addEventListener("abort", stop, { once: true });
      if (signal.aborted) stop();
      const end = await Promise.race([device.closed, stopped.promise]);
      if (end === "stopped") return;
      emit(framer.reset());
      throw new PetioleError("ERR_DEVICE_MISSING", `Cannot read "${config.path}" any more: the device went away`, {
        cause: end,
      });
    },
  };
}
