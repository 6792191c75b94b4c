/** A valid component that needs what our own linker does not have. The runtime then falls back to the transpiler. */
export class UnsupportedComponent extends Error {
  override readonly name = "UnsupportedComponent";
  /** What it needs, to be read after "uses". */
  readonly reason: string;

  constructor(reason: string) {
    super(`The component uses ${reason}, which this linker does not have`);
    this.reason = reason;
  }
}
