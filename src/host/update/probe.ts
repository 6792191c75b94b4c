import { PetioleError, WitError } from "../../domain/errors.ts";
import type { UpdateProbe } from "../../domain/workload.ts";
import type { Clock } from "../../lib/clock.ts";
import { reasonOf } from "../../lib/reason.ts";
import type { RunningComponent } from "../../runtime/contract.ts";

/** An answer is read only so far: whether it is a good one is said at its beginning. */
const MOST_BODY = 64 * 1024;

/**
 * Asks a version whether it works, as often as the probe says.
 * @throws PetioleError ERR_UPDATE_FAILED with the answer that was no good; the signal's reason
 */
export async function askProbe(
  running: RunningComponent,
  probe: UpdateProbe,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  for (let turn = 1; turn <= probe.count; turn++) {
    const problem = await within(probe, clock, signal, askOnce(running, probe.ask));
    if (problem === undefined) continue;
    const which = probe.count === 1 ? "its probe" : `probe ${turn} of ${probe.count}`;
    throw new PetioleError("ERR_UPDATE_FAILED", `${which} failed: ${problem}`);
  }
}

async function within(
  { timeout }: UpdateProbe,
  clock: Clock,
  signal: AbortSignal,
  answer: Promise<string | undefined>,
): Promise<string | undefined> {
  const end = new AbortController();
  const late = clock.sleep(timeout, AbortSignal.any([signal, end.signal])).then(() => `no answer within ${timeout} ms`);
  try {
    return await Promise.race([answer, late]);
  } finally {
    end.abort();
    late.catch(() => {});
  }
}

async function askOnce(running: RunningComponent, ask: UpdateProbe["ask"]): Promise<string | undefined> {
  try {
    if (ask.kind === "call") {
      await running.call(ask.interface, ask.function, []);
      return undefined;
    }
    const { status, body } = await running.http({
      method: "GET",
      scheme: "http",
      authority: "probe.invalid",
      pathWithQuery: ask.path,
      headers: [],
      body: undefined,
    });
    let read = 0;
    if (!(body instanceof Uint8Array)) {
      for await (const chunk of body) if ((read += chunk.byteLength) > MOST_BODY) break;
    }
    return status >= 200 && status < 400 ? undefined : `status ${status}`;
  } catch (error) {
    return error instanceof WitError ? `it returned ${error.message}` : reasonOf(error);
  }
}
