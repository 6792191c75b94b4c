import { loadSerialTools } from "../../../providers/index.ts";
import { systemClock } from "../../lib/clock.ts";
import { printAnswer } from "../agent-socket.ts";
import { formatPorts } from "./text.ts";

/** `petiole serial list` */
export async function serialList(options: { readonly json?: true }): Promise<void> {
  const createTools = await loadSerialTools();
  const ports = await createTools(systemClock).list();
  if (options.json === true) printAnswer(options, { ports }, String);
  else printAnswer(options, ports, formatPorts);
}
