// What tests of components see. It imports nothing: its declarations stand alone in the npm package.

/** Serves a function of an import; a promise is waited for. Arguments and results are described in docs/write-components.md. */
// The arguments are typed by WIT, which nobody looks at here.
// oxlint-disable-next-line typescript/no-explicit-any
export type Double = (...args: any[]) => unknown;

export interface StartOptions {
  /** The component; that of the project in the current folder unless given. */
  readonly file?: string;
  /** What `wasi:config/store` has. */
  readonly config?: Readonly<Record<string, string>>;
  /**
   * Serves imports, by interface without version and by function: `{ "petiole:gpio/lines": { get: () => "active" } }`.
   * It comes before what is in memory by itself: `wasi:keyvalue`, and what is published.
   */
  readonly imports?: Readonly<Record<string, Readonly<Record<string, Double>>>>;
}

export interface Published {
  readonly subject: string;
  readonly body: Uint8Array;
  /** The body as text. */
  readonly text: string;
}

export interface Logged {
  readonly level: string;
  readonly message: string;
}

export interface TestRequest {
  /** `GET` unless given. */
  readonly method?: string;
  /** With the query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface TestResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly text: string;
}

/** A component that runs. `await using` ends it. */
export interface TestComponent extends AsyncDisposable {
  /** Calls an export: interface without version, function, arguments. Rejects with an Error that has the `err` as `payload`. */
  call(interfaceName: string, functionName: string, ...args: readonly unknown[]): Promise<unknown>;
  /** Has a request served by `wasi:http/incoming-handler`. */
  http(request: TestRequest): Promise<TestResponse>;
  /** What it published through `wasmcloud:messaging` or `petiole:outbox`, in this order. */
  readonly published: readonly Published[];
  readonly logged: readonly Logged[];
  /** Changes what `wasi:config/store` has, for calls that begin later. */
  configure(config: Readonly<Record<string, string>>): void;
}

/**
 * Starts the built component of the project in the current folder. Its logs and what it publishes are kept; `imports`
 * stand for what links would give it.
 */
export declare function startComponent(options?: StartOptions): Promise<TestComponent>;

/** The `err` of an import's `result`: a double throws it. */
export declare function witError(payload: unknown): Error;
