// Clients that count all the time, and never wait for anything else than their answers.

import { reasonOf } from "../../../src/lib/reason.ts";
import { pause as wait, waitUntil } from "../../../scripts/stage/wait.ts";

const CLIENTS = 2;
const REST_MS = 15;
const MORE_LIMIT_MS = 60_000;
const ANSWER_LIMIT_MS = 30_000;

export interface Traffic extends AsyncDisposable {
  /** Of which addresses the clients ask, in turn, from their next request on. */
  urls: readonly string[];
  /** Waits until so many further requests were answered. Rejects when one failed. */
  more(answers: number): Promise<void>;
  /** Lets the clients rest, and takes the counts that they were told since they last rested. Rejects when a request failed. */
  rest(): Promise<readonly number[]>;
  /** Lets them go on. */
  go(): void;
  /** Answered requests by address, since the beginning. */
  readonly answered: ReadonlyMap<string, number>;
}

/** Makes the clients; they rest at first. */
export function createTraffic(url: string, signal: AbortSignal): Traffic {
  const end = new AbortController();
  const answered = new Map<string, number>();
  let urls: readonly string[] = [url];
  let counts: number[] = [];
  let failure: Error | undefined;
  let resting = true;
  let busy = 0;
  let turn = 0;

  const ask = async (): Promise<void> => {
    const at = urls[turn++ % urls.length] ?? url;
    busy += 1;
    try {
      const count = await post(at);
      counts.push(count);
      answered.set(at, (answered.get(at) ?? 0) + 1);
    } catch (error) {
      failure ??= new Error(`A request failed: ${reasonOf(error)}`, { cause: error });
    } finally {
      busy -= 1;
    }
  };
  const client = async (): Promise<void> => {
    while (!end.signal.aborted) {
      if (!resting) await ask();
      await wait(REST_MS, end.signal);
    }
  };
  const clients = Promise.all(Array.from({ length: CLIENTS }, client));

  const until = async (what: string, reached: () => boolean): Promise<void> => {
    const probe = async (): Promise<true | undefined> => (failure !== undefined || reached() ? true : undefined);
    await waitUntil(what, probe, { every: 10, within: MORE_LIMIT_MS, signal });
    if (failure !== undefined) throw failure;
  };
  return {
    get urls() {
      return urls;
    },
    set urls(wanted) {
      urls = wanted;
    },
    answered,
    async more(answers) {
      const enough = counts.length + answers;
      await until(`${answers} further answers`, () => counts.length >= enough);
    },
    async rest() {
      resting = true;
      await until("the last answers", () => busy === 0);
      const taken = counts;
      counts = [];
      return taken;
    },
    go() {
      resting = false;
    },
    async [Symbol.asyncDispose]() {
      end.abort();
      await clients;
    },
  };
}

/** Adds to a counter and gives its new value. */
export const post = async (url: string): Promise<number> => await ask(url, "POST");
/** Gives the value of a counter. */
export const get = async (url: string): Promise<number> => await ask(url, "GET");

async function ask(url: string, method: string): Promise<number> {
  const response = await fetch(url, { method, signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${method} ${url} was answered ${response.status}: ${text.trim()}`);
  return (JSON.parse(text) as { readonly count: number }).count;
}
