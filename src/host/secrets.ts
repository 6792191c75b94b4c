// The secrets that are in use: read when they are needed, kept in memory, and looked at again for changes.

import { PetioleError, isPetioleError } from "../domain/errors.ts";
import type { SecretReference, SecretValue } from "../domain/secret.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { reasonOf } from "../lib/reason.ts";
import type { Redactor } from "../lib/redactor.ts";
import type { SecretBackend, SecretRequest } from "./ports.ts";

export interface Secrets extends AsyncDisposable {
  /**
   * What is in memory of a secret that is watched, else what its backend says now.
   * @throws PetioleError ERR_SECRET_BACKEND, ERR_SECRET_NOT_FOUND, ERR_SECRET_DENIED, ERR_SECRET_INVALID,
   *   ERR_SECRET_UNAVAILABLE
   */
  get(request: SecretRequest): Promise<SecretValue>;
  /** Keeps secrets in memory and looks at them again, until disposed. Calls back when one has, or first has, another value. */
  watch(requests: readonly SecretRequest[], onChange: (changed: readonly SecretRequest[]) => void): Disposable;
  /** Another number for each value that a watched secret had. */
  generation(request: SecretRequest): number;
  /** Why a reference cannot be one of this device's; undefined when it may be. */
  problem(reference: SecretReference): string | undefined;
  /** What may be shown of a value. */
  conceal<T>(value: T): T;
}

export interface SecretsDeps {
  readonly backends: ReadonlyMap<string, SecretBackend>;
  /** The backend of references that name none. */
  readonly fallback: string | undefined;
  readonly redactor: Redactor;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Entry {
  readonly request: SecretRequest;
  readonly backend: SecretBackend;
  /** With the secret as each has named it: a reference may say which backend is meant, or leave it to the default. */
  readonly listeners: Map<Listener, SecretRequest[]>;
  value: SecretValue | undefined;
  /** Seen once, where a value has to be seen twice to count. */
  candidate: SecretValue | undefined;
  generation: number;
  /** The last reading failed with this. */
  failure: string | undefined;
  reading: Promise<SecretValue> | undefined;
}

type Listener = (changed: readonly SecretRequest[]) => void;

/** Each is in memory, and asked for again and again. */
const MOST_WATCHED = 4096;

export function createSecrets({ backends, fallback, redactor, clock, log }: SecretsDeps): Secrets {
  const entries = new Map<string, Entry>();
  const stop = new AbortController();

  const nameOf = ({ backend }: SecretReference): string | undefined => backend ?? fallback;
  const keyOf = ({ reference, asker }: SecretRequest): string => {
    const { secret, field, version, context } = reference;
    return JSON.stringify([nameOf(reference), secret, field, version, context, asker]);
  };
  const shown = ({ reference, asker }: SecretRequest) => ({
    secret: reference.secret,
    backend: nameOf(reference),
    for: asker,
  });

  function problem(reference: SecretReference): string | undefined {
    const name = nameOf(reference);
    if (name !== undefined && backends.has(name)) return undefined;
    const known = [...backends.keys()].join(", ");
    if (name === undefined) return `which backend has the ${reference.toString()}? Want one of ${known}`;
    return `there is no backend "${name}" for secrets${known === "" ? "" : `, want one of ${known}`}`;
  }

  function backendOf(reference: SecretReference): SecretBackend {
    const backend = backends.get(nameOf(reference) ?? "");
    if (backend !== undefined) return backend;
    throw new PetioleError("ERR_SECRET_BACKEND", `Cannot use the ${reference.toString()}: ${problem(reference)}`);
  }

  async function read(backend: SecretBackend, { reference, asker }: SecretRequest): Promise<SecretValue> {
    try {
      const value = await backend.read({ reference, asker }, stop.signal);
      redactor.add(value);
      return value;
    } catch (cause) {
      if (isPetioleError(cause)) throw cause;
      const text = `Cannot read the ${reference.toString()}: ${redactor.text(reasonOf(cause))}`;
      throw new PetioleError("ERR_SECRET_UNAVAILABLE", text, { cause });
    }
  }

  /** The first reading of a watched one. */
  function readFirst(entry: Entry): Promise<SecretValue> {
    entry.reading ??= read(entry.backend, entry.request)
      .then(
        (value) => {
          entry.value ??= value;
          entry.failure = undefined;
          return entry.value;
        },
        (error: unknown) => {
          entry.failure = reasonOf(error);
          throw error;
        },
      )
      .finally(() => {
        entry.reading = undefined;
      });
    return entry.reading;
  }

  /** True when who uses the secret has to hear of it. */
  async function look(entry: Entry): Promise<boolean> {
    const { backend, request } = entry;
    // Nobody has asked for it yet.
    if (entry.value === undefined && entry.failure === undefined) return false;
    let value: SecretValue;
    try {
      value = await read(backend, request);
    } catch (error) {
      if (stop.signal.aborted) return false;
      const reason = reasonOf(error);
      if (entry.failure !== reason && entry.value !== undefined) {
        log.warn("A secret cannot be read again: what uses it goes on with the one it has", {
          ...shown(request),
          reason,
        });
      }
      entry.failure = reason;
      entry.candidate = undefined;
      return false;
    }
    const isNew = entry.value === undefined || !isSame(entry.value, value);
    if (isNew && backend.settles && (entry.candidate === undefined || !isSame(entry.candidate, value))) {
      entry.candidate = value;
      return false;
    }
    entry.candidate = undefined;
    entry.failure = undefined;
    if (!isNew) return false;
    if (entry.value !== undefined) entry.generation += 1;
    entry.value = value;
    log.info("A secret has another value", shown(request));
    return true;
  }

  async function lookAfter(backend: SecretBackend): Promise<void> {
    for (;;) {
      await clock.sleep(backend.refresh, stop.signal).catch(() => {});
      if (stop.signal.aborted) return;
      const changed = new Map<Listener, SecretRequest[]>();
      for (const entry of entries.values()) {
        if (entry.backend !== backend || !(await look(entry))) continue;
        for (const [listener, requests] of entry.listeners) {
          changed.set(listener, [...(changed.get(listener) ?? []), ...requests]);
        }
      }
      for (const [listener, requests] of changed) listener(requests);
    }
  }

  const looking = [...backends.values()].map(lookAfter);

  return {
    async get(request) {
      const entry = entries.get(keyOf(request));
      if (entry === undefined) return await read(backendOf(request.reference), request);
      return entry.value ?? (await readFirst(entry));
    },

    watch(requests, onChange) {
      // Of its own, so that nobody ends what another has begun.
      const listener: Listener = (changed) => onChange(changed);
      const keys = new Set<string>();
      for (const request of requests) {
        const backend = backends.get(nameOf(request.reference) ?? "");
        const key = keyOf(request);
        if (backend === undefined || (!entries.has(key) && entries.size >= MOST_WATCHED)) continue;
        const entry: Entry = entries.get(key) ?? {
          request,
          backend,
          listeners: new Map(),
          value: undefined,
          candidate: undefined,
          generation: 0,
          failure: undefined,
          reading: undefined,
        };
        entry.listeners.set(listener, [...(entry.listeners.get(listener) ?? []), request]);
        entries.set(key, entry);
        keys.add(key);
      }
      return {
        [Symbol.dispose]: () => {
          for (const key of keys) {
            const entry = entries.get(key);
            entry?.listeners.delete(listener);
            if (entry?.listeners.size === 0) entries.delete(key);
          }
        },
      };
    },

    generation: (request) => entries.get(keyOf(request))?.generation ?? 0,
    problem,
    conceal: (value) => redactor.deep(value),

    async [Symbol.asyncDispose]() {
      stop.abort(new PetioleError("ERR_SECRET_UNAVAILABLE", "The agent is stopping"));
      await Promise.all(looking);
      entries.clear();
    },
  };
}

const isSame = (one: SecretValue, other: SecretValue): boolean => Buffer.compare(bytesOf(one), bytesOf(other)) === 0;

const bytesOf = (value: SecretValue): Uint8Array => (typeof value === "string" ? Buffer.from(value) : value);
