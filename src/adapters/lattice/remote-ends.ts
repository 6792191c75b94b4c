import { isPetioleError, PetioleError } from "../../domain/errors.ts";
import { unversioned } from "../../domain/wit-name.ts";
import type { ComponentId } from "../../domain/workload.ts";
import type { RemoteEnds, RemoteFunction, ServedCallee } from "../../host/ports.ts";
import type { Logger } from "../../lib/log.ts";
import { crosses } from "../../lib/wit/fit.ts";
import type { FunctionType, InterfaceShape } from "../../lib/wit/type.ts";
import type { LatticeConnection } from "./connection.ts";
import { OPEN_BUCKET, PROVIDER_FORMS, type ProviderForm, type ProviderFunction } from "./provider-forms.ts";
import { wireForm } from "./wire-form.ts";
import { createWrpcClient } from "./wrpc/client.ts";
import { functionCodecOf } from "./wrpc/compile.ts";
import { serveHttp } from "./wrpc/http.ts";
import type { ServedFunction } from "./wrpc/served-call.ts";
import { serveWrpc } from "./wrpc/server.ts";

export interface RemoteEndsDeps {
  readonly connection: LatticeConnection;
  readonly lattice: string;
  readonly log: Logger;
}

type Caller = ReturnType<ReturnType<typeof createWrpcClient>["remote"]>;

/** What an id has to be to stand in a subject. */
const ID = /^[A-Za-z0-9_-]{1,64}$/;

const HTTP = "wasi:http/incoming-handler";
/** Functions outside any interface. */
const ROOT_INTERFACE = "$root";

/** Calls from and to the other hosts of a lattice, as wRPC. */
export function createRemoteEnds({ connection, lattice, log }: RemoteEndsDeps): RemoteEnds {
  const client = createWrpcClient({ connection, lattice, log });
  /** Goes with the component that its type is of. */
  const callers = new WeakMap<FunctionType, Map<string, Caller>>();

  function callerOf({ source, linkName, target, interfaceName, functionName, type }: RemoteFunction): Caller {
    if (!ID.test(target)) {
      throw new PetioleError(
        "ERR_LINK_INVALID",
        `Cannot call "${functionName}" of "${target}": it is no id of a lattice`,
      );
    }
    const known = callers.get(type) ?? new Map<string, Caller>();
    callers.set(type, known);
    const key = `${source} ${linkName} ${target} ${interfaceName} ${functionName}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const instance = instanceOf(interfaceName);
    const caller = client.remote({ source, linkName, target, instance, name: functionName, type });
    // One function has few targets over time; what is more is an odd lattice.
    if (known.size >= MOST_TARGETS) known.clear();
    known.set(key, caller);
    return caller;
  }

  return {
    reachable: () => connection.current() !== undefined,
    async call(remote, args, timeout) {
      const form = wireForm(remote);
      return form.kind === "here" ? form.answer(args) : await callerOf(form.remote)(args, { timeout });
    },
    serve(component, exports, callee) {
      const functions = exports.flatMap((shape) =>
        unversioned(shape.name) === HTTP ? serveHttp(callee.http) : servedFunctions(component, shape, callee),
      );
      return serveWrpc({ connection, lattice, id: component, functions, log: log.child({ component }) });
    },
    knows: (interfaceName) => PROVIDER_FORMS.has(interfaceName),
    serveProvider(provider, interfaceName, call) {
      const form = formOf(interfaceName);
      const functions = form.functions.map((one): ServedFunction => ({
        instance: form.instance,
        name: one.wireName,
        type: one.type,
        call: async (args, { source, linkName, signal }) => {
          const made = async (name: string, fn: string, given: readonly unknown[]): Promise<unknown> =>
            await unlessAborted(call({ source, linkName }, name, fn, given), signal);
          return await made(interfaceName, one.name, await withBucket(one, args, made));
        },
      }));
      return serveWrpc({ connection, lattice, id: provider, functions, log: log.child({ provider }) });
    },
    async deliver({ provider, linkName, component, interfaceName, functionName }, args) {
      const form = formOf(interfaceName);
      const found = form.functions.find(({ name }) => name === functionName);
      if (found === undefined) throw unknownForm(`${interfaceName}#${functionName}`);
      const { wireName, type } = found;
      const called = { interfaceName: form.instance, functionName: wireName, type };
      return await callerOf({ source: provider, linkName, target: component, ...called })(args);
    },
  };

  /** One of the bucket's functions is given the bucket that its name stands for. */
  async function withBucket(
    { ofBucket }: ProviderFunction,
    args: readonly unknown[],
    call: (interfaceName: string, functionName: string, args: readonly unknown[]) => Promise<unknown>,
  ): Promise<readonly unknown[]> {
    if (!ofBucket) return args;
    const { interfaceName, functionName } = OPEN_BUCKET;
    return [await call(interfaceName, functionName, args.slice(0, 1)), ...args.slice(1)];
  }

  function servedFunctions(component: ComponentId, shape: InterfaceShape, { call }: ServedCallee): ServedFunction[] {
    return shape.functions.flatMap(({ name, type }) => {
      if (type === undefined || !crosses(type) || !isCarried(type)) {
        log.debug("A function is not served to other hosts", { component, function: `${shape.name}#${name}` });
        return [];
      }
      return [
        {
          instance: instanceOf(shape.name),
          name,
          type,
          call: async (args, { signal }) => await unlessAborted(call(shape.name, name, args), signal),
        } satisfies ServedFunction,
      ];
    });
  }
}

const MOST_TARGETS = 64;

/** Types may also be too deep, or too large, to go between hosts. */
function isCarried(type: FunctionType): boolean {
  try {
    functionCodecOf(type);
    return true;
  } catch (error) {
    if (isPetioleError(error, "ERR_LINK_INVALID")) return false;
    throw error;
  }
}

const unknownForm = (what: string): PetioleError =>
  new PetioleError("ERR_LINK_INVALID", `Cannot link a provider to another host for ${what}: its types are not known`);

/** @throws PetioleError ERR_LINK_INVALID */
function formOf(interfaceName: string): ProviderForm {
  const form = PROVIDER_FORMS.get(interfaceName);
  if (form === undefined) throw unknownForm(interfaceName);
  return form;
}

const instanceOf = (interfaceName: string): string | undefined =>
  interfaceName === ROOT_INTERFACE ? undefined : interfaceName;

/** What is given up is not waited for. */
async function unlessAborted<T>(result: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason as Error);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([result, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
