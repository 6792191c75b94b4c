import { SIGNED_64, addToCounter, encodeCounter, type Clock, type CounterBounds } from "#provider";
import { BackendError, PAGE, type Backend, type BucketName, type Seen } from "../backend.ts";
import { persist } from "../persist.ts";
import { patternOf, prefixOf } from "./keys.ts";
import { Refusal, type Argument, type Reply } from "./resp.ts";

export interface RedisBackendDeps {
  /** @throws BackendError */
  readonly command: (args: readonly Argument[]) => Promise<Reply>;
  /** What every key begins with. */
  readonly prefix: string;
  readonly clock: Clock;
}

/** Sets a value if what was seen is there. ARGV: whether something was, what it was, the new value. */
const SWAP = `local found = redis.call('GET', KEYS[1])
if ARGV[1] == '0' then if found then return 0 end elseif found ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[3])
return 1`;

/** Counts without a sign: INCRBY alone would take a negative number for a counter. A script's numbers lose digits. */
const COUNT = `local found = redis.call('GET', KEYS[1])
if found and string.sub(found, 1, 1) == '-' then return redis.error_reply('ERR it is not an integer without a sign') end
redis.call('INCRBY', KEYS[1], ARGV[1])
return redis.call('GET', KEYS[1])`;

/** Looks at about so many keys in one go; more when there are hardly any of the bucket among them. */
const SPARSE = 1000;
/** A page of a bucket that has few keys among many of others may have none: the next one goes on. */
const ROUNDS = 16;

/** Keys of Redis: one of each bucket's keys, with the bucket's name before it. */
export function createRedisBackend({ command, prefix, clock }: RedisBackendDeps): Backend {
  const named = (bucket: BucketName, key: string): string => prefixOf(prefix, bucket) + key;

  const get = async (bucket: BucketName, key: string): Promise<Uint8Array | undefined> =>
    bytesOf(await command(["GET", named(bucket, key)]));
  const look = async (bucket: BucketName, key: string): Promise<Seen> => ({ value: await get(bucket, key) });
  const swap = async (bucket: BucketName, key: string, { value: seen }: Seen, value: Uint8Array): Promise<boolean> => {
    const expected = seen === undefined ? ["0", ""] : ["1", seen];
    return (await command(["EVAL", SWAP, "1", named(bucket, key), ...expected, value])) === 1n;
  };

  /** Undefined when the server's own counters, of 64 bits with a sign, do not hold it. */
  async function countThere(name: string, delta: bigint, bounds: CounterBounds): Promise<bigint | undefined> {
    if (delta < SIGNED_64.min || delta > SIGNED_64.max) return undefined;
    try {
      if (bounds.min < 0n) return numberOf(await command(["INCRBY", name, delta.toString()]));
      return numberOf(await command(["EVAL", COUNT, "1", name, delta.toString()]));
    } catch (error) {
      if (error instanceof BackendError && isNoInteger(error.cause)) return undefined;
      throw error;
    }
  }

  return {
    get,
    look,
    swap,
    set: async (bucket, key, value) => void (await command(["SET", named(bucket, key), value])),
    delete: async (bucket, key) => void (await command(["DEL", named(bucket, key)])),
    has: async (bucket, key) => (await command(["EXISTS", named(bucket, key)])) === 1n,
    list: async (bucket, place) => {
      const start = prefixOf(prefix, bucket);
      const keys = new Set<string>();
      let cursor = place ?? "0";
      let count = PAGE;
      for (let round = 0; round < ROUNDS; round += 1) {
        const before = keys.size;
        const scan = ["SCAN", cursor, "MATCH", patternOf(start), "COUNT", String(count), "TYPE", "string"];
        const { next, found } = scanOf(await command(scan));
        for (const key of found)
          if (key.startsWith(start) && key.length > start.length) keys.add(key.slice(start.length));
        cursor = next;
        if (cursor === "0" || keys.size >= PAGE) break;
        count = keys.size === before ? SPARSE : PAGE;
      }
      return { keys: [...keys], next: cursor === "0" ? undefined : cursor };
    },
    increment: async (bucket, key, delta, bounds) => {
      const counted = await countThere(named(bucket, key), delta, bounds);
      if (counted !== undefined) return counted;
      return await persist(clock, async () => {
        const seen = await look(bucket, key);
        const sum = addToCounter(seen.value, delta, bounds);
        return (await swap(bucket, key, seen, encodeCounter(sum))) ? sum : undefined;
      });
    },
    setMany: async (bucket, entries) =>
      void (await command(["MSET", ...entries.flatMap(({ key, value }) => [named(bucket, key), value])])),
    deleteMany: async (bucket, keys) => void (await command(["DEL", ...keys.map((key) => named(bucket, key))])),
  };
}

const isNoInteger = (cause: unknown): boolean =>
  cause instanceof Refusal && cause.code === "ERR" && /not an integer|overflow/.test(cause.message);

const odd = (): BackendError =>
  new BackendError("unavailable", "the server answers something else than it was asked for");

function bytesOf(reply: Reply): Uint8Array | undefined {
  if (reply === undefined || Buffer.isBuffer(reply)) return reply && new Uint8Array(reply);
  throw odd();
}

function numberOf(reply: Reply): bigint {
  if (typeof reply === "bigint") return reply;
  if (Buffer.isBuffer(reply) && /^-?\d{1,20}$/.test(reply.toString("latin1"))) return BigInt(reply.toString("latin1"));
  throw odd();
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Keys that are no text come from other programs. */
function textOf(key: Reply): readonly string[] {
  if (!Buffer.isBuffer(key)) throw odd();
  try {
    return [utf8.decode(key)];
  } catch {
    return [];
  }
}

function scanOf(reply: Reply): { readonly next: string; readonly found: readonly string[] } {
  const [next, found] = Array.isArray(reply) ? (reply as readonly Reply[]) : [];
  if (!Buffer.isBuffer(next) || !Array.isArray(found)) throw odd();
  return { next: next.toString("latin1"), found: (found as readonly Reply[]).flatMap(textOf) };
}
