import { loadGpioTools } from "../../../providers/index.ts";
import { printAnswer } from "../agent-socket.ts";
import { formatChips } from "./text.ts";

/** `petiole gpio list` */
export async function gpioList(chip: string | undefined, options: { readonly json?: true }): Promise<void> {
  const createTools = await loadGpioTools();
  const chips = await createTools().list(chip);
  if (options.json === true) printAnswer(options, { chips }, String);
  else printAnswer(options, chips, formatChips);
}
