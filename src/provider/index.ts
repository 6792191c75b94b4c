// "#provider": everything that providers may import from petiole.

export type {
  Binding,
  CapabilityCall,
  CapabilityFunction,
  CapabilityFunctions,
  ExportCaller,
  HttpCaller,
  Interfaces,
  LinkContext,
  Provider,
  ProviderDeps,
  ProviderFactory,
} from "./contract.ts";
export type {
  BusMessage,
  DurableMessages,
  HostServices,
  KeyValueStore,
  MessageBus,
  NatsPath,
  NatsPaths,
  Outbox,
  ProviderInbox,
  ProviderInboxOptions,
  RetryLimits,
} from "./services.ts";
export { laneRuleFor, laneRules, subjectPattern, type LaneRule } from "./lane-rules.ts";
export { parseProviderConfig } from "./parse-config.ts";
export {
  MessageDeferred,
  MessageRejected,
  PetioleError,
  WitError,
  isPetioleError,
  type ErrorCode,
} from "../domain/errors.ts";
export type { InboxStats } from "../domain/inbox.ts";
export { LANES, type Lane, type OutboxMessage, type PublishOutcome, type PublishReceipt } from "../domain/outbox.ts";
export * from "../domain/units.ts";
export { backoffDelay, type BackoffOptions } from "../lib/backoff.ts";
export { createExclusive } from "../lib/exclusive.ts";
export { createInFlight, type InFlight } from "../lib/in-flight.ts";
export { type Clock } from "../lib/clock.ts";
export type { ByteReader, ByteWriter } from "../lib/byte-streams.ts";
export type { EgressPermit, EgressRequest, EgressSettings } from "../lib/http-egress.ts";
export { normalHost } from "../lib/host-name.ts";
export { startThread, threadProgram } from "../lib/parts.ts";
export { openDeviceIo, systemError, type DeviceIo, type Pointer, type WatchOptions } from "../lib/device-io.ts";
export {
  MAX_INLINE_BODY,
  pairFields,
  type HttpFields,
  type HttpRequest,
  type HttpResponse,
} from "../lib/http-message.ts";
export { SIGNED_64, UNSIGNED_64, addToCounter, encodeCounter, type CounterBounds } from "../lib/counter.ts";
export { duration, size } from "../lib/schema.ts";
export { isErrno, syncFolder } from "../lib/files.ts";
export { type Logger } from "../lib/log.ts";
export type { Counter, Gauge, Histogram, Metrics } from "../lib/metrics.ts";
export type { FunctionType, InterfaceShape, WitType } from "../lib/wit/type.ts";
export { headerProblem } from "../lib/message-headers.ts";
export { createPacer, type Pacer } from "../lib/pacer.ts";
export { reasonOf } from "../lib/reason.ts";
export { isAnswering } from "../lib/unix-socket.ts";
export { watchFiles } from "../lib/watch-files.ts";
export { isSubject, matchesSubject } from "../lib/subject.ts";
