import { parseProviderConfig, type Provider, type ProviderDeps } from "#provider";
import { linkSchema, timerSchema, type LinkConfig } from "./config.ts";
import { HANDLER, startTimer } from "./timer.ts";

/** Calls `petiole:timer/timer-handler` at intervals, and at times that cron expressions name. */
export function createTimerProvider({
  id,
  clock,
  services,
}: ProviderDeps): Provider<Readonly<Record<string, never>>, LinkConfig> {
  const lasts = new Map<string, number>();
  return {
    id,
    serves: [],
    calls: [HANDLER],
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, timerSchema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, linkSchema, raw),
    async start(_config, signal) {
      signal.throwIfAborted();
    },
    async bind(link) {
      await using stack = new AsyncDisposableStack();
      for (const [name, config] of Object.entries(link.config.timers)) {
        const key = [id, link.component, link.linkName, name].join("/");
        stack.use(await startTimer({ name, config, link, key, lasts, clock, services, random: Math.random }));
      }
      const started = stack.move();
      return { functions: {}, [Symbol.asyncDispose]: () => started.disposeAsync() };
    },
    async [Symbol.asyncDispose]() {},
  };
}
