import { startUi } from "../ui/start-ui.ts";
import { socketOf, type AgentOptions } from "./agent-socket.ts";
import { openInBrowser } from "./open-in-browser.ts";

export interface UiCommandOptions extends AgentOptions {
  readonly listen: string;
  readonly open?: true;
}

/** `petiole ui`: serves the live page until a signal. */
export async function ui(options: UiCommandOptions): Promise<void> {
  const ended = untilSignal();
  await using stack = new AsyncDisposableStack();
  const { address, url } = stack.use(await startUi({ socket: await socketOf(options), listen: options.listen }));
  if (options.json === true) process.stdout.write(`${JSON.stringify({ url, address })}\n`);
  else {
    const through =
      address.kind === "unix" ? `Connect with: ssh -L 4880:${address.path} USER@THIS-MACHINE\nThen open:    ` : "";
    process.stdout.write(`${through}${url}\nIt is for you alone, until this command ends: Ctrl-C.\n`);
  }
  if (options.open === true) {
    const { reason } = stack.use(await openInBrowser(url));
    if (reason !== undefined) process.stderr.write(`Cannot open a browser: ${reason}. Open the address yourself.\n`);
  }
  await ended;
}

function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve());
  });
}
