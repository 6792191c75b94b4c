// What petiole takes of a device: disk, memory, and time to start. Docs: docs/performance.md.

import type { Benchmark, Options, Report } from "./frame.ts";
import { reportMemory } from "./footprint/memory.ts";
import { findProgram } from "./footprint/program.ts";
import { reportSize } from "./footprint/size.ts";
import { reportStart } from "./footprint/start.ts";
import { withComponents } from "./runtime/with-components.ts";

type Part = (report: Report, program: string) => Promise<void>;

const ofProgram =
  (part: Part) =>
  async (report: Report, { binary }: Options): Promise<void> => {
    const program = findProgram(binary);
    await withComponents(async () => await part(report, program))(report);
  };

export const benchmark: Benchmark = {
  title: "footprint: the built executable (or --binary FILE) against bare Node",
  parts: { size: ofProgram(reportSize), start: ofProgram(reportStart), memory: ofProgram(reportMemory) },
};
