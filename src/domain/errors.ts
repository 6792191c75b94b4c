/** Whose turn it is when an error of this code is seen. */
export type ErrorKind = "user" | "environment" | "bug";

interface CatalogueEntry {
  readonly kind: ErrorKind;
  /** True when doing the same again later may work. */
  readonly retryable: boolean;
  /** One line for `docs/reference/errors.md`, which `npm run docs:reference` makes. */
  readonly meaning: string;
}

/** Every error code of petiole. Each is thrown somewhere, which a test checks. */
export const ERROR_CATALOGUE = {
  ERR_CONFIG_INVALID: {
    kind: "user",
    retryable: false,
    meaning: "the configuration has faults; all are listed with their lines",
  },
  ERR_CONFIG_UNREADABLE: { kind: "user", retryable: false, meaning: "the configuration file cannot be read" },
  ERR_MANIFEST_INVALID: {
    kind: "user",
    retryable: false,
    meaning: "the manifest of an application has faults; all are listed with their lines",
  },
  ERR_MANIFEST_UNSUPPORTED: {
    kind: "user",
    retryable: false,
    meaning: "the manifest is fine, and asks for something that this device cannot do; all of it is listed",
  },
  ERR_APPLICATION_UNKNOWN: { kind: "user", retryable: false, meaning: "no application of this name is deployed" },
  ERR_APPLICATION_CONFLICT: {
    kind: "user",
    retryable: false,
    meaning: "an application cannot be changed or taken away so: others need it, or the device is full",
  },
  ERR_APPLICATION_FAILED: {
    kind: "user",
    retryable: false,
    meaning: "an application is deployed, and a part of it cannot run",
  },
  ERR_APPLICATION_PENDING: {
    kind: "environment",
    retryable: true,
    meaning: "an application is deployed, and did not run in the time that was waited; it is tried further",
  },
  ERR_DEV_RUNNING: { kind: "user", retryable: false, meaning: "somebody develops this project already" },
  ERR_DEV_COMMAND: {
    kind: "user",
    retryable: false,
    meaning: "a command for the simulated devices of `petiole dev` cannot be carried out",
  },
  ERR_COMPONENT_UNREADABLE: { kind: "user", retryable: false, meaning: "the component file cannot be read" },
  ERR_COMPONENT_INVALID: {
    kind: "user",
    retryable: false,
    meaning: "the file is not a WebAssembly component that petiole can run",
  },
  ERR_COMPONENT_DIGEST: {
    kind: "user",
    retryable: true,
    meaning: "the component file is not the one that its digest names; it is looked at again until it is",
  },
  ERR_TRUST_UNSIGNED: {
    kind: "user",
    retryable: true,
    meaning: "nobody whom the trust policy knows has signed the component, and its digest is not on the list",
  },
  ERR_TRUST_MALFORMED: {
    kind: "user",
    retryable: true,
    meaning: "what lies beside the component as its signature cannot be read",
  },
  ERR_TRUST_SIGNER: {
    kind: "user",
    retryable: true,
    meaning: "the component is signed, but by no key that the trust policy has",
  },
  ERR_TRUST_SIGNATURE: {
    kind: "user",
    retryable: true,
    meaning: "a signature of the component does not fit the key it names: it was changed, or made with another key",
  },
  ERR_TRUST_DIGEST: {
    kind: "user",
    retryable: true,
    meaning: "the signature is good, but for another file: the component was swapped or changed",
  },
  ERR_TRUST_SIZE: {
    kind: "user",
    retryable: true,
    meaning: "the component has another size than its signed statement says",
  },
  ERR_TRUST_NAME: { kind: "user", retryable: true, meaning: "the signature is for a component of another name" },
  ERR_TRUST_AGENT: {
    kind: "user",
    retryable: true,
    meaning: "the component's signed statement asks for a newer petiole",
  },
  ERR_TRUST_EARLY: { kind: "user", retryable: true, meaning: "the component's signature is not valid yet" },
  ERR_TRUST_EXPIRED: { kind: "user", retryable: true, meaning: "the component's signature has expired" },
  ERR_TRUST_CLOCK: {
    kind: "user",
    retryable: true,
    meaning: "the component's signature has a period of validity, and nobody has set the device's clock yet",
  },
  ERR_TRUST_DOWNGRADE: {
    kind: "user",
    retryable: true,
    meaning: "a newer version of the component was accepted on this device before",
  },
  ERR_TRUST_THRESHOLD: {
    kind: "user",
    retryable: true,
    meaning: "fewer keys vouch for the component than the trust policy asks for",
  },
  ERR_COMPONENT_PREPARE: {
    kind: "environment",
    retryable: true,
    meaning: "transpiling a component ran out of memory or time",
  },
  ERR_COMPONENT_TRAP: {
    kind: "user",
    retryable: false,
    meaning: "the component trapped during a call; its instance was replaced",
  },
  ERR_COMPONENT_DEADLINE: {
    kind: "user",
    retryable: true,
    meaning: "a call into the component took longer than its deadline; its instance or its worker was replaced",
  },
  ERR_COMPONENT_MEMORY: { kind: "user", retryable: false, meaning: "the component reached its memory limit" },
  ERR_COMPONENT_BUSY: { kind: "environment", retryable: true, meaning: "too many calls are waiting for the component" },
  ERR_ADDRESS_SPACE: {
    kind: "environment",
    retryable: true,
    meaning: "the address space that the process has left does not hold another instance",
  },
  ERR_COMPONENT_STOPPED: {
    kind: "environment",
    retryable: true,
    meaning: "the component was stopped while a call was waiting or running",
  },
  ERR_COMPONENT_RESPONSE: {
    kind: "user",
    retryable: false,
    meaning: "the component answered an HTTP request with an error, not at all, or not to the end",
  },
  ERR_EXPORT_MISSING: {
    kind: "user",
    retryable: false,
    meaning: "a link needs an interface that the component does not export",
  },
  ERR_LINK_MISSING: {
    kind: "user",
    retryable: false,
    meaning: "the component imports an interface for which there is no link",
  },
  ERR_LINK_UNKNOWN: {
    kind: "user",
    retryable: false,
    meaning: "no link, or no provider, is what the command names, or more than one",
  },
  ERR_LINK_INVALID: {
    kind: "user",
    retryable: false,
    meaning: "a link names something that does not exist or does not fit",
  },
  ERR_PROVIDER_UNKNOWN: { kind: "user", retryable: false, meaning: "no provider of this type exists" },
  ERR_PROVIDER_CONFIG: {
    kind: "user",
    retryable: false,
    meaning: "the configuration of a provider or of one of its links has faults",
  },
  ERR_PROVIDER_START: {
    kind: "environment",
    retryable: true,
    meaning: "a provider cannot start: device, port or server is not available",
  },
  ERR_PROVIDER_STOPPED: {
    kind: "environment",
    retryable: true,
    meaning: "a capability was called while its provider was not running",
  },
  ERR_SECRET_BACKEND: {
    kind: "user",
    retryable: false,
    meaning: "a secret is wanted from a backend that this device does not have, or not for whoever wants it",
  },
  ERR_SECRET_NOT_FOUND: {
    kind: "user",
    retryable: true,
    meaning: "the backend has no secret of this name, or the secret has not the field or the version",
  },
  ERR_SECRET_DENIED: {
    kind: "user",
    retryable: true,
    meaning: "a secret may not be used: others can read or write its file, or its backend refuses it",
  },
  ERR_SECRET_INVALID: {
    kind: "user",
    retryable: true,
    meaning: "a secret is too large, no text where text is needed, or not an object where a field of it is wanted",
  },
  ERR_SECRET_UNAVAILABLE: {
    kind: "environment",
    retryable: true,
    meaning: "the place where a secret is cannot be asked now",
  },
  ERR_DEVICE_ADDON: {
    kind: "environment",
    retryable: false,
    meaning: "the add-on through which petiole uses the kernel's devices is missing, or made for another machine",
  },
  ERR_DEVICE_MISSING: {
    kind: "environment",
    retryable: true,
    meaning: "a device, or a line of it, is not there: unplugged, or under another name",
  },
  ERR_DEVICE_DENIED: {
    kind: "environment",
    retryable: true,
    meaning: "the agent's user may not open a device file: see which group it belongs to",
  },
  ERR_DEVICE_BUSY: {
    kind: "environment",
    retryable: true,
    meaning: "another program, or the kernel itself, holds the device or a line of it",
  },
  ERR_DEVICE_UNSUPPORTED: {
    kind: "user",
    retryable: false,
    meaning: "the device or its driver cannot do what the configuration asks for",
  },
  ERR_DEVICE_FAILED: {
    kind: "environment",
    retryable: true,
    meaning: "the kernel reported another failure of a device",
  },
  ERR_EXECUTABLE_UNREADABLE: {
    kind: "user",
    retryable: false,
    meaning: "the archive or executable of a provider cannot be read",
  },
  ERR_EXECUTABLE_FORMAT: {
    kind: "user",
    retryable: false,
    meaning: "the file is neither a provider archive nor an executable, or the archive is damaged",
  },
  ERR_EXECUTABLE_TARGET: {
    kind: "user",
    retryable: false,
    meaning: "the archive or executable of a provider has nothing for this kind of machine",
  },
  ERR_EXECUTABLE_TOO_LARGE: {
    kind: "user",
    retryable: false,
    meaning: "the archive or executable of a provider is larger than `lattice.executables.max_size`",
  },
  ERR_EXECUTABLE_DIGEST: {
    kind: "user",
    retryable: false,
    meaning: "the archive or executable of a provider is not the one that its digest or its claims name",
  },
  ERR_EXECUTABLE_LOGIN: {
    kind: "user",
    retryable: true,
    meaning: "there is no way for a provider process to log in to NATS: see `lattice.executables.credentials_file`",
  },
  ERR_STORE_OPEN: { kind: "environment", retryable: false, meaning: "the store cannot be opened" },
  ERR_STORE_VOLATILE: {
    kind: "environment",
    retryable: false,
    meaning: "the state directory is in memory or on an overlay: what is stored may not survive a reboot",
  },
  ERR_STORE_LOCKED: { kind: "environment", retryable: true, meaning: "another agent uses this state directory" },
  ERR_STORE_FAILED: { kind: "environment", retryable: true, meaning: "the store could not carry out an operation" },
  ERR_OUTBOX_TOO_LARGE: { kind: "user", retryable: false, meaning: "a message is larger than the outbox accepts" },
  ERR_OUTBOX_SHED: {
    kind: "environment",
    retryable: true,
    meaning: "the message's lane is full and set to take no more until the hub has taken some",
  },
  ERR_OUTBOX_QUOTA: {
    kind: "environment",
    retryable: true,
    meaning: "the publisher's waiting messages take all that they may",
  },
  ERR_OUTBOX_FULL: {
    kind: "environment",
    retryable: true,
    meaning: "the outbox is full and its policy does not let this message in",
  },
  ERR_EXPORT_FILE: {
    kind: "environment",
    retryable: true,
    meaning: "the file of an export cannot be written or read: a full disk, a missing folder, a stick that was pulled",
  },
  ERR_EXPORT_EXISTS: {
    kind: "user",
    retryable: false,
    meaning: "there is a file of that name already; an export overwrites none",
  },
  ERR_EXPORT_FORMAT: {
    kind: "user",
    retryable: false,
    meaning: "the file is no export of an outbox, or one of a version that is not known",
  },
  ERR_EXPORT_DAMAGED: {
    kind: "environment",
    retryable: false,
    meaning: "an export is unfinished, cut off or changed; nothing of it was imported",
  },
  ERR_EXPORT_IMPORTED: {
    kind: "user",
    retryable: false,
    meaning: "the export has been imported on this device before; that is done once",
  },
  ERR_EXPORT_OWN: {
    kind: "user",
    retryable: false,
    meaning: "the export is of this device, which has not handed its messages over: they are still here",
  },
  ERR_SIGN_KEY: {
    kind: "user",
    retryable: false,
    meaning: "a key file cannot be read, holds no key of the kind that is wanted, or would be overwritten",
  },
  ERR_SIGN_OTHER: {
    kind: "user",
    retryable: false,
    meaning: "the file beside the component holds signatures of another statement, or none at all",
  },
  ERR_WORKLOAD_VOLUME: {
    kind: "user",
    retryable: true,
    meaning: "a folder of the device that a workload uses is not there, or leads elsewhere; it is looked for again",
  },
  ERR_ARTIFACT_REFERENCE: {
    kind: "user",
    retryable: false,
    meaning: "the text does not name an artifact that this command can use",
  },
  ERR_ARTIFACT_NOT_FOUND: {
    kind: "user",
    retryable: true,
    meaning: "the registry, bucket or folder has no artifact of that name; it is looked for again",
  },
  ERR_ARTIFACT_UNAUTHORIZED: {
    kind: "user",
    retryable: true,
    meaning: "the registry does not let this device in: credentials are missing, wrong, or without the right",
  },
  ERR_ARTIFACT_UNREACHABLE: {
    kind: "environment",
    retryable: true,
    meaning: "the source of an artifact cannot be reached, stalls, or fails itself",
  },
  ERR_ARTIFACT_DIGEST: {
    kind: "environment",
    retryable: true,
    meaning: "what came is not what its digest names; it was thrown away",
  },
  ERR_ARTIFACT_TOO_LARGE: { kind: "user", retryable: false, meaning: "an artifact is larger than petiole takes" },
  ERR_ARTIFACT_FORMAT: {
    kind: "user",
    retryable: false,
    meaning: "an artifact is not WebAssembly, or packed in a way that is not known",
  },
  ERR_ARTIFACT_DISK: {
    kind: "environment",
    retryable: true,
    meaning: "an artifact cannot be kept on the disk, most often because that is full",
  },
  ERR_UPDATE_FAILED: {
    kind: "user",
    retryable: false,
    meaning: "a new version of a component did not start, did not pass its probe, or failed in its trial",
  },
  ERR_UPDATE_BAD: {
    kind: "user",
    retryable: false,
    meaning: "this version of the component failed on this device before; it is not tried again unasked",
  },
  ERR_RELEASE_INVALID: {
    kind: "user",
    retryable: false,
    meaning:
      "the file is no release of petiole, was cut off or damaged, or holds something else than its statement says",
  },
  ERR_RELEASE_TARGET: {
    kind: "user",
    retryable: false,
    meaning: "the release of petiole is for another kind of machine",
  },
  ERR_RELEASE_BAD: {
    kind: "user",
    retryable: false,
    meaning: "this version of petiole failed on the device before, and is not tried again unless it is asked for",
  },
  ERR_RELEASE_UNFIT: {
    kind: "user",
    retryable: false,
    meaning: "the new petiole does not run on the device, or with its configuration or store; nothing was changed",
  },
  ERR_AGENT_UPDATE_OFF: {
    kind: "user",
    retryable: false,
    meaning: "the agent cannot update itself: no keys are configured for it, or the launcher did not start it",
  },
  ERR_AGENT_UPDATE_BUSY: {
    kind: "environment",
    retryable: true,
    meaning: "the agent is being updated already, or is on trial",
  },
  ERR_AGENT_UPDATE_FAILED: {
    kind: "environment",
    retryable: false,
    meaning: "the new petiole did not prove itself, and the version before it runs again",
  },
  ERR_UPDATE_UNKNOWN: {
    kind: "user",
    retryable: false,
    meaning: "a command about an update names a component, a trial or a version that is not there",
  },
  ERR_LEAF_SERVER: {
    kind: "environment",
    retryable: true,
    meaning: "the local nats-server is missing, too old, or does not start",
  },
  ERR_LATTICE_UNREACHABLE: {
    kind: "environment",
    retryable: true,
    meaning: "the NATS server or the hub cannot be reached",
  },
  ERR_LATTICE_MESSAGE: {
    kind: "user",
    retryable: false,
    meaning: "a device name or subject is not valid for NATS, or a message is larger than the server takes",
  },
  ERR_LATTICE_STREAM: {
    kind: "environment",
    retryable: true,
    meaning: "the hub has no stream that can take the outbox, or its JetStream is off",
  },
  ERR_LATTICE_INBOX: {
    kind: "environment",
    retryable: true,
    meaning: "the hub has no stream or consumer from which the messages for this device can be fetched",
  },
  ERR_LATTICE_BUCKET: {
    kind: "environment",
    retryable: true,
    meaning: "a bucket of the hub, such as that of desired states, is missing, or cannot be read or written",
  },
  ERR_LATTICE_REQUEST: {
    kind: "user",
    retryable: false,
    meaning: "a command of the wasmCloud lattice is malformed, or asks for something that cannot be",
  },
  ERR_LATTICE_REFERENCE: {
    kind: "user",
    retryable: false,
    meaning: "the lattice asked for a component that this device may not or cannot load",
  },
  ERR_CALL_NO_RESPONDER: {
    kind: "environment",
    retryable: true,
    meaning: "no host of the lattice that can be reached serves the function that a component called",
  },
  ERR_CALL_TIMEOUT: {
    kind: "environment",
    retryable: true,
    meaning: "a call to another host was not answered in time, or a stream of it stalled",
  },
  ERR_CALL_FAILED: {
    kind: "environment",
    retryable: false,
    meaning: "the other host gave up a call: what it called trapped, or does not take such a call",
  },
  ERR_CALL_UNDECODABLE: {
    kind: "user",
    retryable: false,
    meaning: "what came from another host is no value of the type that the function has here",
  },
  ERR_CALL_TOO_LARGE: {
    kind: "user",
    retryable: false,
    meaning: "arguments, results or a stream of a call between hosts are larger than petiole takes or sends",
  },
  ERR_ENROL_TOKEN: {
    kind: "user",
    retryable: false,
    meaning: "the enrolment token cannot be read, or is none",
  },
  ERR_ENROL_EXISTS: {
    kind: "user",
    retryable: false,
    meaning: "the device is enrolled already, with another token",
  },
  ERR_ENROL_REFUSED: {
    kind: "user",
    retryable: false,
    meaning: "the fleet or its hub refuses the device: the token is spent or expired, the name is taken, it is revoked",
  },
  ERR_ENROL_UNREACHABLE: {
    kind: "environment",
    retryable: true,
    meaning: "the fleet cannot be asked now: its hub is out of reach, or nobody answers there",
  },
  ERR_ENROL_STATE: {
    kind: "environment",
    retryable: true,
    meaning: "what the device keeps of its enrolment cannot be read or written",
  },
  ERR_FLEET_FOLDER: {
    kind: "user",
    retryable: false,
    meaning: "the folder is no fleet's, is one already, or cannot be used",
  },
  ERR_FLEET_UNKNOWN: {
    kind: "user",
    retryable: false,
    meaning: "the fleet has no device, token or profile of this name, or has one already",
  },
  ERR_FLEET_HUB: {
    kind: "environment",
    retryable: true,
    meaning: "the fleet's hub cannot be reached, or did not take what it was told; `petiole fleet push` tells it again",
  },
  ERR_IDENTITY_MISMATCH: {
    kind: "user",
    retryable: false,
    meaning: "the agent runs on another device than the one that was enrolled, and does not connect to the hub",
  },
  ERR_PROVISION_INVALID: {
    kind: "user",
    retryable: false,
    meaning: "the provisioning file has faults; all are listed with their lines",
  },
  ERR_PROVISION_CONFLICT: {
    kind: "user",
    retryable: false,
    meaning: "the device has a configuration already, which the provisioning file must not replace unasked",
  },
  ERR_PROVISION_FILE: {
    kind: "environment",
    retryable: true,
    meaning: "a file that setting up the device needs cannot be read, written or removed",
  },
  ERR_IMAGE_TARGET: {
    kind: "user",
    retryable: false,
    meaning: "what should be prepared is no image, boot partition or removable card, or is in use",
  },
  ERR_IMAGE_FIRST_BOOT: {
    kind: "user",
    retryable: false,
    meaning: "the image has no way to do something at its first boot that can be used without harm",
  },
  ERR_IMAGE_SPACE: {
    kind: "user",
    retryable: false,
    meaning: "the boot partition has no room for what should go there",
  },
  ERR_IMAGE_PACKAGE: {
    kind: "user",
    retryable: false,
    meaning: "the file is no package of petiole, or one for another kind of machine",
  },
  ERR_IMAGE_TOOL: {
    kind: "environment",
    retryable: true,
    meaning: "a program that writes to the image is missing or failed",
  },
  ERR_PROJECT_INVALID: {
    kind: "user",
    retryable: false,
    meaning: "the folder is no project of a component, or its settings, WIT or manifest have faults",
  },
  ERR_PROJECT_NEW: {
    kind: "user",
    retryable: false,
    meaning: "a project cannot be made: the folder is there already, or the name or template cannot be used",
  },
  ERR_PROJECT_INSTALL: {
    kind: "environment",
    retryable: true,
    meaning: "the project is made, and npm could not install what it needs; `npm install` in it tries again",
  },
  ERR_BUILD_FAILED: {
    kind: "user",
    retryable: false,
    meaning: "the component has type errors, or does not fit its WIT world, or cannot be bundled; all of it is listed",
  },
  ERR_TESTS_FAILED: {
    kind: "user",
    retryable: false,
    meaning: "tests of the component failed; their report says which",
  },
  ERR_TOOLCHAIN_MISSING: {
    kind: "user",
    retryable: false,
    meaning: "a tool for building components is not installed; the message says how to get it",
  },
  ERR_CONTROL_UNREACHABLE: { kind: "environment", retryable: true, meaning: "no agent answers on the control socket" },
  ERR_METRICS_LISTEN: {
    kind: "environment",
    retryable: false,
    meaning: "metrics cannot be served on the address that the configuration names; the rest runs",
  },
  ERR_UI_ADDRESS: {
    kind: "user",
    retryable: false,
    meaning: "the live page cannot be served there: it is for this machine alone, on loopback or a unix socket",
  },
  ERR_UI_LISTEN: {
    kind: "environment",
    retryable: false,
    meaning: "the address that the live page should be served on cannot be had",
  },
  ERR_CONTROL_PROTOCOL: {
    kind: "environment",
    retryable: false,
    meaning: "the control socket sent something that is not understood",
  },
  ERR_INVARIANT: {
    kind: "bug",
    retryable: false,
    meaning: "something happened that petiole's code holds to be impossible",
  },
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;

/**
 * The one error class of petiole. The code is for programs, the message for people, the cause for developers.
 * A message says what was attempted, the value in quotes, a colon, and what was found.
 */
export class PetioleError extends Error {
  override readonly name = "PetioleError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  get kind(): ErrorKind {
    return ERROR_CATALOGUE[this.code].kind;
  }

  get retryable(): boolean {
    return ERROR_CATALOGUE[this.code].retryable;
  }
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(ERROR_CATALOGUE, value);
}

export function isPetioleError(error: unknown, code?: ErrorCode): error is PetioleError {
  return error instanceof PetioleError && (code === undefined || error.code === code);
}

/**
 * A failure that a WIT interface declares: the `err` case of a `result`. Providers throw it, the runtime lowers
 * `payload` into the component, and the other way round a component's `err` arrives as one.
 * The payload is in the component's JavaScript mapping (variants are `{ tag, val }`, enums are strings).
 */
export class WitError extends Error {
  override readonly name = "WitError";
  readonly payload: unknown;

  constructor(payload: unknown) {
    super(`WIT error: ${describePayload(payload)}`);
    this.payload = payload;
  }
}

/** What `handle` of a stored message throws when trying again will not help: the message is given up at once. */
export class MessageRejected extends Error {
  override readonly name = "MessageRejected";
}

/** The same for one that nothing is wrong with: it is tried again later, and no attempt is counted. */
export class MessageDeferred extends Error {
  override readonly name = "MessageDeferred";
}

function describePayload(payload: unknown): string {
  if (typeof payload === "string") return payload;
  try {
    return JSON.stringify(payload, (_key, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
  } catch {
    return String(payload);
  }
}
