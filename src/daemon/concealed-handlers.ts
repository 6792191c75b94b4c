import type { ControlCall, ControlHandlers } from "../adapters/control/server.ts";
import type { Redactor } from "../lib/redactor.ts";

/** The same operations, without the values of secrets in what they answer, tell on the way, or fail with. */
export function concealedHandlers(handlers: ControlHandlers, { deep }: Pick<Redactor, "deep">): ControlHandlers {
  type AnyHandler = (params: unknown, call: ControlCall<unknown>) => Promise<unknown>;
  const conceal =
    (handler: AnyHandler): AnyHandler =>
    async (params, call) => {
      try {
        return deep(await handler(params, { ...call, report: (progress) => call.report(deep(progress)) }));
      } catch (error) {
        throw deep(error);
      }
    };
  const entries = Object.entries(handlers).map(([name, handler]) => [name, conceal(handler as AnyHandler)]);
  // Each one takes and gives what it did.
  return Object.fromEntries(entries) as ControlHandlers;
}
