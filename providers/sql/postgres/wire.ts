// Statements as the driver sends them. Its own kind of query keeps whole results and has no end in the middle of one;
// these count while rows come, and what is too much ends the connection before the server was told to commit.

import type { DatabaseError } from "pg";
import type { ResultLimits } from "../engine.ts";
import { failure, type SqlFault } from "../sql-fault.ts";

/** Of the driver's connection, what statements use. */
export interface Wire {
  readonly parsedStatements: Readonly<Record<string, string>>;
  readonly stream: { cork(): void; uncork(): void; destroy(): void };
  /** The types of parameters are what the statement makes of them. */
  parse(statement: { name: string; text: string }): void;
  bind(values: { portal: string; statement: string; values: readonly (string | null)[] }): void;
  describe(what: { type: "P" | "S"; name: string }): void;
  execute(portal: { portal: string; rows: number }): void;
  query(text: string): void;
  flush(): void;
  sync(): void;
  sendCopyFail(reason: string): void;
}

/** Column of a result. */
export interface Field {
  readonly name: string;
  readonly dataTypeID: number;
}

export interface Outcome {
  /** Of the last statement, such as `INSERT 0 3`; undefined for an empty one. */
  readonly command: string | undefined;
  readonly fields: readonly Field[];
  /** Values in their text form. */
  readonly rows: readonly (readonly (string | null)[])[];
}

/** Rows that the server sends before it waits. */
const PAGE = 256;
/** Bytes of one message when nothing of it is wanted. */
const MOST_UNWANTED = 16 * 1024 * 1024;
/** What comes in one piece from the socket, and what is around values. */
const SLACK = 256 * 1024;

abstract class Submission {
  readonly name: string = "";
  readonly text: string;
  readonly #done = Promise.withResolvers<Outcome>();
  protected command: string | undefined;
  protected fields: readonly Field[] = [];
  protected readonly rows: (readonly (string | null)[])[] = [];
  readonly #most: number;
  #wire: Wire | undefined;
  #unread = 0;
  #excess: SqlFault | undefined;

  /** `most`: bytes that one message of the server may have. */
  constructor(text: string, most = MOST_UNWANTED) {
    this.text = text;
    this.#most = most + SLACK;
  }

  get done(): Promise<Outcome> {
    return this.#done.promise;
  }

  /** Called by the driver. */
  submit(wire: Wire): undefined {
    this.#wire = wire;
    wire.stream.cork();
    try {
      this.send(wire);
    } finally {
      wire.stream.uncork();
    }
    return undefined;
  }

  /** Told of what comes over the socket: the driver keeps a message until it is complete. */
  noteBytes(count: number): void {
    this.#unread += count;
    if (this.#unread > this.#most) this.exceed("a row of the result is larger than a result may be");
  }

  protected abstract send(wire: Wire): void;

  protected isExceeded(): boolean {
    return this.#excess !== undefined;
  }

  /** Ends the connection: what was not committed is undone. */
  protected exceed(found: string): void {
    if (this.#excess !== undefined) return;
    this.#excess = failure("too-large", found);
    this.rows.length = 0;
    this.fail(this.#excess);
    this.#wire?.stream.destroy();
  }

  // Called by the driver for what the server says.
  handleRowDescription({ fields }: { readonly fields: readonly Field[] }): void {
    this.fields = fields;
  }
  handleDataRow(_message: { readonly fields: readonly (string | null)[] }): void {
    this.#unread = 0;
  }
  handlePortalSuspended(_wire: Wire): void {}
  handleCommandComplete({ text }: { readonly text: string }, _wire: Wire): void {
    this.command = text;
  }
  handleEmptyQuery(_wire: Wire): void {}
  handleCopyInResponse(wire: Wire): void {
    wire.sendCopyFail("a component has no data to copy");
  }
  handleCopyData(): void {
    this.#unread = 0;
  }
  handleError(error: Error | DatabaseError, _wire: Wire): void {
    this.fail(error);
  }
  handleReadyForQuery(): void {
    this.#done.resolve({ command: this.command, fields: this.fields, rows: this.rows });
  }

  protected fail(error: Error): void {
    this.#done.reject(error);
  }
}

export interface StatementOptions {
  readonly text: string;
  /** Under which the server keeps it; empty for once. */
  readonly name: string;
  readonly values: readonly (string | undefined)[];
  /** Undefined when rows are not wanted. */
  readonly limits: ResultLimits | undefined;
}

/** One statement with its parameters. */
export class Statement extends Submission {
  override readonly name: string;
  readonly #options: StatementOptions;
  #synced = false;
  #bytes = 0;

  constructor(options: StatementOptions) {
    super(options.text, options.limits?.bytes);
    this.name = options.name;
    this.#options = options;
  }

  protected override send(wire: Wire): void {
    const { text, name, values } = this.#options;
    if (name === "" || wire.parsedStatements[name] === undefined) wire.parse({ text, name });
    wire.bind({ portal: "", statement: name, values: values.map((value) => value ?? null) });
    wire.describe({ type: "P", name: "" });
    this.#fetch(wire);
  }

  #fetch(wire: Wire): void {
    wire.execute({ portal: "", rows: PAGE });
    wire.flush();
  }

  /** The end of the implicit transaction. */
  #sync(wire: Wire): void {
    if (!this.#synced) wire.sync();
    this.#synced = true;
  }

  override handleDataRow(message: { readonly fields: readonly (string | null)[] }): void {
    super.handleDataRow(message);
    const { fields } = message;
    const { limits } = this.#options;
    if (limits === undefined || this.isExceeded()) return;
    for (const [at, value] of fields.entries()) {
      this.#bytes += (value === null ? 0 : Buffer.byteLength(value)) + (this.fields[at]?.name.length ?? 0);
    }
    if (this.rows.length === limits.rows) this.exceed(`the result has more than ${limits.rows} rows`);
    else if (this.#bytes > limits.bytes) this.exceed(`the result has more than ${limits.bytes} bytes`);
    else this.rows.push(fields);
  }

  override handlePortalSuspended(wire: Wire): void {
    if (!this.isExceeded()) this.#fetch(wire);
  }

  override handleCommandComplete(message: { readonly text: string }, wire: Wire): void {
    super.handleCommandComplete(message, wire);
    if (!this.isExceeded()) this.#sync(wire);
  }

  override handleEmptyQuery(wire: Wire): void {
    this.#sync(wire);
  }

  override handleError(error: Error, wire: Wire): void {
    super.handleError(error, wire);
    this.#sync(wire);
  }
}

/** Has the server parse a statement and keep it under a name. */
export class Preparation extends Submission {
  override readonly name: string;

  constructor(name: string, text: string) {
    super(text);
    this.name = name;
  }

  protected override send(wire: Wire): void {
    if (wire.parsedStatements[this.name] === undefined) wire.parse({ text: this.text, name: this.name });
    wire.describe({ type: "S", name: this.name });
    wire.sync();
  }
}

/** Statements in one text; what they return is dropped. */
export class Batch extends Submission {
  protected override send(wire: Wire): void {
    wire.query(this.text);
  }
}
