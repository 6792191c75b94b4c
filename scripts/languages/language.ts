// What building an example in another language needs.

/** A tool that is not on this machine: what it is, and how a person gets it. */
export class ToolMissing extends Error {
  override readonly name = "ToolMissing";
  readonly remedy: string;

  constructor(what: string, remedy: string) {
    super(what);
    this.remedy = remedy;
  }
}

export interface Task {
  /** Folder of the example. */
  readonly folder: string;
  /** Folder for what is made on the way; it exists, and is kept. */
  readonly work: string;
  /** Tools that are missing may be fetched. */
  readonly fetch: boolean;
}

export interface Language {
  readonly name: string;
  /** Of the example, and of its file. */
  readonly component: string;
  /** What the component is made from, in the example's folder. */
  readonly inputs: readonly string[];
  /** Finds the tools, and makes the component. @throws ToolMissing */
  build(task: Task): Promise<Built>;
}

export interface Built {
  readonly component: Uint8Array;
  /** The compiler with its version, for people. */
  readonly by: string;
}
