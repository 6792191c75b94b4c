// Embeds a bundle in a component with a JavaScript engine, for a world.

import { PetioleError } from "../../domain/errors.ts";
import { reasonOf } from "../../lib/reason.ts";
import { writeWit, type WitSource } from "../wit/packages.ts";

export const ENGINES = ["qjs", "starlingmonkey"] as const;
export type Engine = (typeof ENGINES)[number];

export interface ComponentiseInput {
  /** One ES module, whose exports are those of the world. */
  readonly code: string;
  readonly wit: WitSource;
  readonly world: string;
}

/**
 * HTTP, and the streams that others pass, go by other names while the component is made. The tool runs the guest once on a WASI
 * of its own, which has streams but nothing that uses them, and refuses what does. The names have the same length: lengths
 * and offsets in the component stay right.
 */
const VEILED = [
  ["wasi:http/", "wasj:http/"],
  ["wasi:http@", "wasj:http@"],
  ["wasi:io/", "wasj:io/"],
  ["wasi:io@", "wasj:io@"],
] as const;

const needsVeil = (world: string): boolean => /wasi:(?:http|blobstore)\//.test(world);

const veil = (text: string): string => VEILED.reduce((rest, [name, other]) => rest.replaceAll(name, other), text);

function unveil(component: Buffer): Buffer {
  const text = component.toString("latin1");
  if (!text.includes("wasj:")) return component;
  return Buffer.from(
    VEILED.reduce((rest, [name, other]) => rest.replaceAll(other, name), text),
    "latin1",
  );
}

/** With QuickJS. @throws PetioleError ERR_BUILD_FAILED */
export async function componentiseWithQuickjs({ code, wit, world }: ComponentiseInput): Promise<Uint8Array> {
  const { componentize } = await import("componentize-qjs");
  const isVeiled = needsVeil(wit.world);
  const jsSource = needsVeil(code) ? veil(code) : code;
  await using packages = await writeWit(wit, isVeiled ? veil : (text) => text);
  try {
    // Not `stubWasi`: that replaces every `wasi:` import by a trap, the ones of the world included. What is left in are
    // the WASI 0.2 imports of QuickJS itself, which the runtime serves.
    const made = await componentize({ witPath: packages.folder, jsSource, world, sync: true, optSize: true });
    return unveil(made.component);
  } catch (cause) {
    throw new PetioleError(
      "ERR_BUILD_FAILED",
      `Cannot make a component for the world "${world}": ${unveil(Buffer.from(reasonOf(cause))).toString()}`,
      { cause },
    );
  }
}
