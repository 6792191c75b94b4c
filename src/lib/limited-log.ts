import type { Clock } from "./clock.ts";
import { LOG_LEVELS, loggerOf, type LogFields, type Logger, type LogLevel, type WriteLine } from "./log.ts";
import { RateLimit } from "./rate-limit.ts";

export interface LimitedLog {
  readonly log: Logger;
  /** Lines that were left out so far. */
  readonly suppressed: () => number;
}

export interface LimitedLogDeps {
  readonly log: Logger;
  /** The least that `log` writes: what is below it takes no room. */
  readonly level: LogLevel;
  /** Lines a second on average of the agent itself, and as many of all components and providers together. */
  readonly rate: number;
  readonly clock: Pick<Clock, "monotonic">;
}

/** So many seconds' worth may come at once. */
const BURST = 5;
/** Of all components and providers together, that one may have. */
const SHARE = 0.5;
const MOST_OWNERS = 256;

/**
 * Bounds what is written to the log. Components and providers have a bound of their own, so that none of them can drown
 * another one or the agent. A line that comes after others were left out says how many: `suppressed`.
 */
export function limitLog({ log, level: least, rate, clock }: LimitedLogDeps): LimitedLog {
  const limitOf = (perSecond: number): RateLimit => new RateLimit({ burst: perSecond * BURST, perSecond });
  const own = limitOf(rate);
  const others = limitOf(rate);
  const owners = new Map<string, RateLimit>();
  let total = 0;
  const isWritten = (level: LogLevel): boolean => LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(least);

  function ownerLimit(owner: string): RateLimit {
    const known = owners.get(owner);
    if (known !== undefined) return known;
    // Names come from outside as well; who is forgotten begins anew.
    const [oldest] = owners.keys();
    if (owners.size >= MOST_OWNERS && oldest !== undefined) owners.delete(oldest);
    const limit = limitOf(Math.max(1, rate * SHARE));
    owners.set(owner, limit);
    return limit;
  }

  /** Undefined when a line is left out, else how many were before it. */
  function take(owner: string | undefined): number | undefined {
    const now = clock.monotonic();
    if (owner === undefined) return own.take(now);
    const left = ownerLimit(owner).take(now);
    const shared = left === undefined ? undefined : others.take(now);
    return left === undefined || shared === undefined ? undefined : left + shared;
  }

  function wrap(inner: Logger, owner: string | undefined): Logger {
    const at =
      (level: LogLevel): WriteLine =>
      (message, fields) => {
        if (!isWritten(level)) return;
        const left = take(ownerOf(fields) ?? owner);
        if (left === undefined) total += 1;
        else inner[level](message, left === 0 ? fields : { ...fields, suppressed: left });
      };
    return loggerOf(at, (fields) => wrap(inner.child(fields), ownerOf(fields) ?? owner));
  }

  return { log: wrap(log, undefined), suppressed: () => total };
}

/** Whose line it is; undefined for the agent's own. */
function ownerOf(fields: LogFields | undefined): string | undefined {
  const owner = fields?.["component"] ?? fields?.["provider"];
  return typeof owner === "string" ? owner : undefined;
}
