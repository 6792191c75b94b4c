import type { Msg } from "@nats-io/transport-node";
import type { z } from "zod";
import type { OperatorStatus } from "../../../domain/status.ts";
import { millis, type Millis } from "../../../domain/units.ts";
import type { HubMonitor } from "../../../host/ports.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { Logger } from "../../../lib/log.ts";
import type { LatticeConnection } from "../connection.ts";
import { keepSubscribed } from "../live-subscription.ts";
import { describeNatsError } from "../nats-error.ts";
import { offered } from "./capabilities.ts";
import type { Contact } from "./contact.ts";
import { commandOf, heartbeatSubject, hostSubjects } from "./subjects.ts";
import { idRequest, startRequest, writeHeartbeat, writeStatus, type HostFacts, type WorkloadStatus } from "./wire.ts";
import type { Workloads } from "./workloads.ts";

export interface OperatorHostDeps {
  readonly hostId: string;
  /** Of the Host object in Kubernetes. */
  readonly name: string;
  readonly heartbeat: Millis;
  /** How long the operator may be there without asking for a workload before that is stopped; undefined for ever. */
  readonly orphansAfter: Millis | undefined;
  /** What changes, and what does not change, about the device. */
  readonly facts: () => Omit<
    HostFacts,
    "id" | "friendlyName" | "componentCount" | "workloadCount" | "imports" | "exports"
  >;
  readonly connection: LatticeConnection;
  readonly monitor: Pick<HubMonitor, "onChange">;
  readonly workloads: Workloads;
  readonly contact: Contact;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * This device as a host of the runtime-operator of wasmCloud 2.x. Disposing it ends what it answers; the workloads stay what
 * the device is to run.
 */
export interface OperatorHost extends AsyncDisposable {
  /** Answers from now on, whenever the hub can be reached. */
  listen(): void;
  status(): OperatorStatus;
}

const MOST_BYTES = 1024 * 1024;
/** Starts and stops that may be worked on at a time. */
const MOST_AT_A_TIME = 512;

export function createOperatorHost(deps: OperatorHostDeps): OperatorHost {
  const { hostId, connection, workloads, contact, clock, log } = deps;
  const stop = new AbortController();
  const stack = new DisposableStack();
  const unreadable = new Set<string>();
  let beating: Promise<void> | undefined;
  let busy = 0;

  function heartbeatText(): string {
    const { workloads: workloadCount, components: componentCount } = workloads.counts();
    return writeHeartbeat({
      id: hostId,
      friendlyName: deps.name,
      ...deps.facts(),
      componentCount,
      workloadCount,
      imports: offered("imports"),
      exports: offered("exports"),
    });
  }

  function beat(): void {
    try {
      connection.current()?.publish(heartbeatSubject(hostId), heartbeatText());
    } catch (error) {
      // The connection went away: the next heartbeat is sent when it is back.
      log.debug("Cannot send a heartbeat", { reason: describeNatsError(error) });
    }
  }

  function respond(message: Msg, text: string): void {
    try {
      message.respond(text);
    } catch (error) {
      log.warn("Cannot answer the operator", { subject: message.subject, reason: describeNatsError(error) });
    }
  }

  /** What cannot be read gets no answer: there is none that would say so. One line in the log for each command. */
  function read<T>(message: Msg, command: string, schema: z.ZodType<T>): T | undefined {
    const result = message.data.length > MOST_BYTES ? undefined : schema.safeParse(parseJson(message.data));
    if (result?.success === true) return result.data;
    if (!unreadable.has(command)) {
      const fields = result?.error.issues.slice(0, 3).map(({ path }) => path.join("."));
      log.warn("A request of the operator cannot be read and gets no answer", {
        command,
        bytes: message.data.length,
        fields,
      });
      unreadable.add(command);
    }
    return undefined;
  }

  async function workOn(message: Msg, command: string, work: Promise<WorkloadStatus>): Promise<void> {
    busy += 1;
    try {
      respond(message, writeStatus(await work));
    } catch (error) {
      log.error("A request of the operator failed", { command, err: error });
    } finally {
      busy -= 1;
    }
  }

  function onMessage(message: Msg): void {
    const command = commandOf(hostId, message.subject);
    switch (command) {
      case "heartbeat":
        contact.heard(clock.monotonic());
        respond(message, heartbeatText());
        return;
      case "workload.status": {
        const request = read(message, command, idRequest);
        if (request !== undefined) respond(message, writeStatus(workloads.status(request.workloadId)));
        return;
      }
      case "workload.start": {
        const request = read(message, command, startRequest);
        if (request === undefined) return;
        const { workloadId, workload } = request;
        if (busy >= MOST_AT_A_TIME) respond(message, writeStatus(tooBusy(workloadId)));
        else void workOn(message, command, workloads.start(workloadId, workload));
        return;
      }
      case "workload.stop": {
        const request = read(message, command, idRequest);
        if (request === undefined) return;
        if (busy >= MOST_AT_A_TIME) respond(message, writeStatus(tooBusy(request.workloadId)));
        else void workOn(message, command, workloads.stop(request.workloadId));
        return;
      }
      case undefined:
      default:
        // A newer operator may know more commands. There is no answer that would say that this host does not.
        return;
    }
  }

  async function keepBeating(): Promise<void> {
    while (!stop.signal.aborted) {
      await clock.sleep(deps.heartbeat, stop.signal).catch(() => {});
      if (stop.signal.aborted) return;
      beat();
      workloads.sweep(deps.orphansAfter);
    }
  }

  return {
    listen() {
      // First to listen, then to be heard: the operator asks back at once.
      stack.use(
        keepSubscribed({
          connection,
          subject: hostSubjects(hostId),
          onMessage,
          onError: (error) => log.warn("The operator's subject was refused", { reason: describeNatsError(error) }),
        }),
      );
      stack.use(connection.onChange(beat));
      // With a local server in between, the connection stays while the hub comes and goes.
      stack.use(deps.monitor.onChange(({ link }) => link === "online" && beat()));
      beat();
      beating = keepBeating();
      log.info("This device is a host for the operator", { host: hostId, name: deps.name });
    },

    status() {
      const heard = contact.lastHeard();
      return {
        host: hostId,
        name: deps.name,
        state: connection.current() === undefined ? "connecting" : heard === undefined ? "unheard" : "heard",
        lastHeard: heard === undefined ? undefined : millis(clock.monotonic() - heard) / 1000,
        workloads: workloads.list(),
      };
    },

    async [Symbol.asyncDispose]() {
      stop.abort();
      stack.dispose();
      await beating;
      await workloads[Symbol.asyncDispose]();
    },
  };
}

const tooBusy = (workloadId: string): WorkloadStatus => ({
  workloadId,
  state: "WORKLOAD_STATE_ERROR",
  message: "too many requests at a time",
});

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}
