import { dirname, join, resolve } from "node:path";
import { PetioleError, isPetioleError } from "../../domain/errors.ts";
import { reasonOf } from "../../lib/reason.ts";
import { createConsole, type Console } from "./console.ts";
import { askSession, openDevSocket, readPointer } from "./dev-socket.ts";
import { openSession, type Session } from "./session.ts";
import { safeText } from "./view.ts";

export interface DevOptions {
  readonly dir: string;
  readonly hub?: string;
  readonly keep?: true;
  readonly json?: true;
  readonly verbose?: true;
  readonly ui?: true;
}

export interface DevSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  /** Serves the live page of the agent at a control socket, and has a browser open it if there is one. */
  readonly openUi: (socket: string) => Promise<AsyncDisposable & { readonly url: string }>;
}

/**
 * `petiole dev`: runs the project and follows its sources until somebody ends it.
 * @throws PetioleError ERR_PROJECT_INVALID, ERR_DEV_RUNNING
 */
export async function dev(options: DevOptions, { env, input, output, openUi }: DevSurroundings): Promise<void> {
  const folder = resolve(options.dir);
  const other = await readPointer(folder);
  if (other !== undefined) {
    throw new PetioleError("ERR_DEV_RUNNING", `Cannot develop "${folder}": process ${other.pid} does so already`);
  }
  const ended = Promise.withResolvers<void>();
  const stop = new AbortController();
  const end = (): void => {
    stop.abort(new Error("petiole dev was ended"));
    ended.resolve();
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, end);
  // Whoever reads the output may go away first.
  output.on("error", end);
  using view = createConsole({
    input,
    output,
    json: options.json ?? false,
    verbose: options.verbose ?? false,
    colours: output.isTTY && env["NO_COLOR"] === undefined,
  });
  try {
    await using stack = new AsyncDisposableStack();
    const session = await openSession({
      folder,
      emit: view.emit,
      env,
      hub: options.hub,
      keep: options.keep ?? false,
      signal: stop.signal,
    });
    stack.use(session);
    const run = async (line: string): Promise<string> => await carryOut(session, line);
    const socket = join(dirname(dirname(session.agentSocket)), "dev.sock");
    stack.use(await openDevSocket({ folder, socket, agent: session.agentSocket, run }));
    session.announce();
    if (options.ui === true) {
      const { url } = stack.use(await openUi(session.agentSocket));
      view.emit({ kind: "note", text: `The live page, for you alone: ${url}` });
    }
    view.prompt((line) => void onLine(line, { view, run, end }), end);
    await ended.promise;
  } catch (error) {
    // What was under way when it was ended fails because of that.
    if (!stop.signal.aborted) throw error;
  } finally {
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(name, end);
  }
}

/** `petiole dev send`: has a session that runs carry out a command. */
export async function devSend(
  words: readonly string[],
  options: Pick<DevOptions, "dir" | "json">,
  output: NodeJS.WriteStream,
): Promise<void> {
  const text = await askSession(resolve(options.dir), words.join(" "));
  output.write(options.json === true ? `${JSON.stringify({ text })}\n` : `${safeText(text)}\n`);
}

interface LineDeps {
  readonly view: Console;
  readonly run: (line: string) => Promise<string>;
  readonly end: () => void;
}

async function onLine(line: string, { view, run, end }: LineDeps): Promise<void> {
  const command = line.trim();
  if (command === "") return;
  if (command === "q" || command === "quit" || command === "exit") return end();
  try {
    view.answer(await run(command));
  } catch (error) {
    view.answer(
      isPetioleError(error, "ERR_DEV_COMMAND")
        ? error.message
        : `${isPetioleError(error) ? `${error.code}: ` : ""}${reasonOf(error)}`,
    );
  }
}

async function carryOut(session: Session, line: string): Promise<string> {
  switch (line.trim()) {
    case "help":
      return ["devices", ...session.usage(), "q"].map((usage) => `  ${usage}`).join("\n");
    case "devices":
      return session.describe().join("\n");
    default:
      return await session.run(line);
  }
}
