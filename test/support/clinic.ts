// The pet clinic on an agent of a test.

import { deployClinic, type ClinicOptions } from "../../examples/petclinic/story/deploy.ts";
import { petiole, startAgent, type TestAgent } from "./agent.ts";
import { tempFolder } from "./processes.ts";
import { waitFor } from "./wait-for.ts";

export interface TestClinic extends AsyncDisposable {
  readonly agent: TestAgent;
  readonly url: string;
  /** Resolves when it answers. */
  ready(): Promise<void>;
}

const READY_LIMIT_MS = 60_000;

export async function startClinic(options: Pick<ClinicOptions, "postgres"> = {}): Promise<TestClinic> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const agent = stack.use(await startAgent({}));
  const type = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await petiole(...args, "--socket", agent.socket);
    if (code !== 0) throw new Error(`petiole ${args.join(" ")} ended with ${code}: ${stderr}\n${agent.output()}`);
    return stdout;
  };
  const url = await deployClinic({ type }, { folder: folder.path, ...options });
  const ready = async (): Promise<void> =>
    void (await waitFor("the clinic to answer", async () => (await fetch(`${url}/api/vets`)).ok, READY_LIMIT_MS));
  await ready();
  const owned = stack.move();
  return { agent, url, ready, [Symbol.asyncDispose]: async () => await owned.disposeAsync() };
}
