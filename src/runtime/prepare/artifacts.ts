import type { GuestGlue } from "../worker/protocol.ts";

/** What was made of a component, without its limits and for any engine. */
export interface Artifacts {
  readonly glue: Pick<GuestGlue, "kind" | "script">;
  /** Core modules by the name that the glue asks for. */
  readonly modules: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}
