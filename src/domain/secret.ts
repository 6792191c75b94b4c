// Secrets are named in what is wanted, and looked up when they are used.

/** Text, or bytes that are no text. */
export type SecretValue = string | Uint8Array;

export interface SecretName {
  readonly secret: string;
  /** Which of the device's backends has it; the default one unless given. */
  readonly backend?: string | undefined;
  /** A member of the secret, which is a JSON object then. */
  readonly field?: string | undefined;
  /** For backends that keep several. */
  readonly version?: string | undefined;
}

/** What a backend of wasmCloud is told besides the name. */
export interface SecretContext {
  readonly application?: string | undefined;
  /** Name of the service, when it is not that of a backend of this device. */
  readonly service?: string | undefined;
  /** JSON text. */
  readonly policy: string;
}

/**
 * Stands for a secret in the configuration of a provider or link. Only those who may name secrets of this device make one: an
 * object that merely looks like it is none.
 */
export class SecretReference implements SecretName {
  readonly secret: string;
  readonly backend: string | undefined;
  readonly field: string | undefined;
  readonly version: string | undefined;
  readonly context: SecretContext | undefined;

  constructor({ secret, backend, field, version }: SecretName, context?: SecretContext) {
    this.secret = secret;
    this.backend = backend;
    this.field = field;
    this.version = version;
    this.context = context;
  }

  /** For people. */
  toString(): string {
    const field = this.field === undefined ? "" : `, field "${this.field}"`;
    return `secret "${this.secret}"${field}${this.backend === undefined ? "" : ` of "${this.backend}"`}`;
  }
}
