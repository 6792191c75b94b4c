// The agent's part in its enrolment: new credentials well before the old ones expire, used before they count, and a way
// back when the hub does not let the device in any more.

import type { NatsTls, LatticeConnection } from "../adapters/lattice/connection.ts";
import { requestText } from "../adapters/lattice/dial-user.ts";
import { describeNatsError } from "../adapters/lattice/nats-error.ts";
import { fleetSubject } from "../adapters/lattice/subjects.ts";
import { isPetioleError, PetioleError } from "../domain/errors.ts";
import type { HubLinkState } from "../domain/hub-link.ts";
import type { EnrolmentStatus } from "../domain/status.ts";
import { millis, minutes, seconds, type Millis } from "../domain/units.ts";
import { backoffDelay, type BackoffOptions } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { createGate } from "../lib/gate.ts";
import { readIdentity } from "../lib/identity.ts";
import type { Logger } from "../lib/log.ts";
import { validityOf, type Validity } from "./credentials.ts";
import { askAround } from "./enrol.ts";
import { createKeys, readAnswer } from "./exchange.ts";
import { factsOf } from "./facts.ts";
import { isRefusal, planCredentials, renewalOf, type CredentialsStep, type Patience } from "./plan.ts";
import { formatRequest, type Purpose } from "./protocol.ts";
import {
  activeBundle,
  readEnrolment,
  restoreCredentials,
  saveEnrolment,
  type Bundle,
  type Enrolment,
} from "./record.ts";

export interface EnrolmentPace {
  /** Between two looks. */
  readonly tick: Millis;
  readonly patience: Patience;
  readonly backoff: BackoffOptions;
}

export interface KeepEnrolmentDeps {
  readonly stateDir: string;
  readonly device: string;
  readonly tls: NatsTls | undefined;
  /** The link to the hub. */
  readonly connection: Pick<LatticeConnection, "current">;
  readonly link: () => HubLinkState;
  readonly onLinkChange: (listener: () => void) => Disposable;
  /** Unix time, when it is known. */
  readonly time: () => Millis | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly pace?: EnrolmentPace | undefined;
}

export interface EnrolmentKeeper extends AsyncDisposable {
  /** Undefined while the device is not enrolled. */
  status(): EnrolmentStatus | undefined;
  /**
   * Asks for new credentials now, and resolves when they are in use.
   * @throws PetioleError ERR_ENROL_REFUSED, ERR_ENROL_UNREACHABLE, ERR_ENROL_STATE
   */
  renew(): Promise<EnrolmentStatus>;
}

const PACE: EnrolmentPace = {
  tick: seconds(5),
  patience: { refused: seconds(60), trial: minutes(5) },
  backoff: { initial: seconds(20), max: minutes(60) },
};

/** The link is made anew in between, which takes a few seconds. */
const CONFIRMING: BackoffOptions = { initial: seconds(2), max: seconds(60) };
/** The attempt whose pause is the longest. */
const LAST = 30;

export function keepEnrolment(deps: KeepEnrolmentDeps): EnrolmentKeeper {
  const { stateDir, device, connection, clock, log, pace = PACE } = deps;
  const stop = new AbortController();
  const gate = createGate(clock);
  let status: EnrolmentStatus | undefined;
  let problem: EnrolmentStatus["problem"];
  let refusedSince: Millis | undefined;
  let wanted: PromiseWithResolvers<EnrolmentStatus> | undefined;
  /** Of the step that failed last, and until when it is not tried again. */
  let failed: { readonly step: CredentialsStep; readonly times: number; readonly until: Millis } | undefined;

  using cleanup = new DisposableStack();
  cleanup.use(
    deps.onLinkChange(() => {
      // Another connection may be one that the new credentials have opened.
      if (failed?.step === "confirm") failed = undefined;
      gate.open();
    }),
  );
  const watching = cleanup.move();
  const running = keep();

  async function keep(): Promise<void> {
    let isRestored = false;
    while (!stop.signal.aborted) {
      try {
        const enrolment = await readEnrolment(stateDir);
        if (enrolment === undefined || enrolment.name !== device) {
          status = undefined;
          giveUp(new PetioleError("ERR_ENROL_STATE", `This device is not enrolled as "${device}"`));
        } else {
          // The power may have been cut between the two files.
          if (!isRestored) await restoreCredentials(stateDir, enrolment);
          isRestored = true;
          await look(enrolment);
        }
      } catch (error) {
        report(error, "none");
      }
      await gate.wait(stop.signal, pace.tick).catch(() => {});
    }
  }

  async function look(enrolment: Enrolment): Promise<void> {
    const active = validOf(activeBundle(enrolment));
    const before = enrolment.next === undefined ? undefined : validOf(enrolment.current);
    if (failed?.step === "none") [failed, problem] = [undefined, undefined];
    const { link, reason } = deps.link();
    if (link !== "online" && isRefusal(reason)) refusedSince ??= clock.monotonic();
    else if (link === "online") refusedSince = undefined;
    status = describe(enrolment, active);
    const refusedFor = refusedSince === undefined ? undefined : millis(clock.monotonic() - refusedSince);
    const view = { active, before, now: deps.time(), link, refusedFor, wanted: wanted !== undefined };
    const step = planCredentials(view, pace.patience);
    if (step === "none") {
      // While new ones are tried, the link is made anew.
      if (wanted !== undefined && before === undefined && link !== "online") {
        giveUp(new PetioleError("ERR_ENROL_UNREACHABLE", `Cannot ask the fleet: the link to the hub is ${link}`));
      }
      return;
    }
    const isEager = wanted !== undefined && failed?.step !== "confirm";
    if (!isEager && failed?.step === step && clock.monotonic() < failed.until) return;
    try {
      await EXECUTORS[step](enrolment);
      // Going back says itself how long to wait until the next ones.
      if (step !== "fall-back") failed = undefined;
      gate.open();
    } catch (error) {
      if (stop.signal.aborted) return;
      report(error, step);
    }
  }

  const EXECUTORS: Readonly<Record<Exclude<CredentialsStep, "none">, (enrolment: Enrolment) => Promise<void>>> = {
    renew: async (enrolment) => {
      const { current } = enrolment;
      const next = await ask(enrolment, "renew", (request) => overLink(current.key.publicKey, request(current)));
      if (!(await replace(enrolment, { ...withoutAsked(enrolment), next }))) return;
      log.info("New credentials have come, and are tried", { key: next.key.publicKey });
    },
    confirm: async (enrolment) => {
      const { next } = enrolment;
      if (next === undefined) return;
      const request = formatRequest(await payloadOf(enrolment, "confirm", next), [next.key, next.recovery]);
      // The hub lets this through over a connection that the new credentials have opened, and over no other.
      readAnswer(await overLink(next.key.publicKey, request), enrolment.fleet, next);
      if (!(await replace(enrolment, { ...enrolment, current: next, next: undefined }))) return;
      problem = undefined;
      const validity = validOf(next);
      status = describe({ ...enrolment, current: next, next: undefined }, validity);
      log.info("New credentials are in use", { key: validity.publicKey, expires: status.expires });
      wanted?.resolve(status);
      wanted = undefined;
    },
    "fall-back": async (enrolment) => {
      await saveEnrolment(stateDir, { ...enrolment, next: undefined });
      refusedSince = undefined;
      // Not at once again: the next ones may fare no better.
      report(
        new PetioleError("ERR_ENROL_REFUSED", "The hub refuses the new credentials; those from before are used"),
        "renew",
      );
    },
    recover: async (enrolment) => {
      const candidates = [enrolment.next, enrolment.current].filter((one) => one !== undefined);
      const next = await ask(enrolment, "recover", (request) => around(enrolment, candidates, request));
      const { current } = enrolment;
      if (!(await replace(enrolment, { ...withoutAsked(enrolment), current: enrolment.next ?? current, next }))) return;
      refusedSince = undefined;
      log.info("New credentials have come by the way around the link, and are tried", { key: next.key.publicKey });
    },
  };

  /** False when somebody has enrolled the device anew while the fleet was asked: that counts. */
  async function replace(enrolment: Enrolment, changed: Enrolment): Promise<boolean> {
    const now = await readEnrolment(stateDir);
    if (now?.current.key.publicKey !== enrolment.current.key.publicKey) return false;
    await saveEnrolment(stateDir, changed);
    return true;
  }

  /** The keys are on the disk before they are asked about: an answer that is lost can be asked for again. */
  async function ask(
    enrolment: Enrolment,
    purpose: Purpose,
    send: (request: (asker: Bundle) => string) => Promise<string>,
  ): Promise<Bundle> {
    const keys = enrolment.asked ?? createKeys();
    if (enrolment.asked === undefined) await saveEnrolment(stateDir, { ...enrolment, asked: keys });
    const payload = await payloadOf(enrolment, purpose, keys);
    const request = (asker: Bundle): string =>
      formatRequest(payload, [purpose === "recover" ? asker.recovery : asker.key, keys.key, keys.recovery]);
    const bundle = readAnswer(await send(request), enrolment.fleet, keys);
    if (bundle === undefined) throw new PetioleError("ERR_ENROL_UNREACHABLE", "Cannot use the fleet's answer");
    return bundle;
  }

  async function payloadOf({ fleet, name }: Enrolment, purpose: Purpose, keys: Pick<Bundle, "key" | "recovery">) {
    const facts = factsOf(await readIdentity());
    return { v: 1, purpose, fleet, name, key: keys.key.publicKey, recovery: keys.recovery.publicKey, facts } as const;
  }

  async function overLink(key: string, body: string): Promise<string> {
    const live = connection.current();
    if (live === undefined) throw new PetioleError("ERR_ENROL_UNREACHABLE", "Cannot ask the fleet: there is no link");
    try {
      return await requestText(live, fleetSubject("renew", key), body, stop.signal);
    } catch (cause) {
      throw new PetioleError("ERR_ENROL_UNREACHABLE", `Cannot ask the fleet: ${describeNatsError(cause)}`, { cause });
    }
  }

  /** One after another: the fleet knows the newest, unless it never heard that they are in use. */
  async function around(
    { urls }: Enrolment,
    candidates: readonly Bundle[],
    request: (asker: Bundle) => string,
  ): Promise<string> {
    let failure: unknown;
    for (const asker of candidates) {
      const { publicKey, seed } = asker.recovery;
      try {
        return await askAround({
          servers: urls,
          login: { jwt: asker.recoveryJwt, publicKey, seed },
          subject: fleetSubject("recover", publicKey),
          request: request(asker),
          tls: deps.tls,
          name: `petiole ${device} recovery`,
          signal: stop.signal,
          refused: "it is no member of the fleet any more",
        });
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  function report(error: unknown, step: CredentialsStep): void {
    const known = isPetioleError(error)
      ? error
      : new PetioleError("ERR_ENROL_STATE", `Cannot keep the enrolment: ${String(error)}`, { cause: error });
    const times = failed?.step === step ? failed.times + 1 : 0;
    // The fleet's word is final until somebody has done something.
    const delay = backoffDelay(known.retryable ? times : LAST, step === "confirm" ? CONFIRMING : pace.backoff);
    failed = { step, times, until: millis(clock.monotonic() + delay) };
    const isNew = problem?.message !== known.message;
    problem = { code: known.code, message: known.message };
    if (status !== undefined) status = { ...status, problem };
    if (isNew)
      log.warn("The device's credentials could not be renewed", { step, code: known.code, reason: known.message });
    // What opens the link only once it was made anew is waited for.
    if (step !== "confirm") giveUp(known);
  }

  function giveUp(error: PetioleError): void {
    wanted?.reject(error);
    wanted = undefined;
  }

  function describe({ name, fleet, next }: Enrolment, { publicKey, expires, ...validity }: Validity): EnrolmentStatus {
    const renewal = renewalOf({ publicKey, expires, ...validity });
    return { name, fleet, key: publicKey, expires, renewal, trying: next !== undefined, problem };
  }

  return {
    status: () => status,
    renew: async () => {
      wanted ??= Promise.withResolvers<EnrolmentStatus>();
      gate.open();
      return await wanted.promise;
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("the agent is stopping"));
      watching.dispose();
      await running;
      giveUp(new PetioleError("ERR_ENROL_UNREACHABLE", "Cannot ask the fleet: the agent is stopping"));
    },
  };
}

const withoutAsked = ({ asked: _asked, ...enrolment }: Enrolment): Enrolment => enrolment;

function validOf({ jwt }: Bundle): Validity {
  const validity = validityOf(jwt);
  if (validity === undefined)
    throw new PetioleError("ERR_ENROL_STATE", "The device's credentials are damaged; enrol again");
  return validity;
}
