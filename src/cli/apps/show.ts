import { askAgent } from "../../adapters/control/client.ts";
import { PetioleError } from "../../domain/errors.ts";
import { printAnswer, socketOf } from "../agent-socket.ts";
import type { AppOptions } from "./options.ts";
import { formatApplications } from "./text.ts";

/** `petiole apps` */
export async function apps(name: string | undefined, options: AppOptions): Promise<void> {
  if (options.lattice === true) {
    const { latticeApps } = await import("./wadm.ts");
    await latticeApps(name, options);
    return;
  }
  const all = await askAgent(await socketOf(options), "apps");
  const applications = all.filter((one) => name === undefined || one.name === name);
  if (name !== undefined && applications.length === 0) {
    throw new PetioleError("ERR_APPLICATION_UNKNOWN", `Cannot show "${name}": it is not deployed`);
  }
  printAnswer(options, { applications }, () => formatApplications(applications));
}
