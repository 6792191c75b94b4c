import type { FieldFaults } from "../../common/forms.ts";

/** An answer that is no success. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  readonly fields: FieldFaults | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    message: string,
    {
      fields,
      headers = {},
    }: { readonly fields?: FieldFaults; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.fields = fields;
    this.headers = headers;
  }
}
