import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { PetioleError } from "../../../domain/errors.ts";
import { writeFileAtomic } from "../../../lib/files.ts";
import { reasonOf } from "../../../lib/reason.ts";
import { inspectComponent } from "../../../runtime/binary/component-binary.ts";
import { componentiseWithQuickjs } from "../../build/componentise.ts";
import { joinWit, type WitSource } from "../../wit/packages.ts";
import { loaderObstacle, loaderSource, loaderWorld, type WorldShape } from "./loader.ts";

export interface LoaderInput {
  readonly wit: WitSource;
  readonly world: string;
  /** Folder that keeps loaders over runs: making one takes most of the time of a start. */
  readonly cache: string;
  /** Called when one has to be made. */
  readonly onBuild: () => void;
}

/** The loader of a world, or why there cannot be one. */
export type Loader = { readonly file: string; readonly obstacle?: undefined } | { readonly obstacle: string };

/** @throws PetioleError ERR_BUILD_FAILED */
export async function prepareLoader({ wit, world, cache, onBuild }: LoaderInput): Promise<Loader> {
  const shape = await shapeOf(wit, world);
  const text = loaderWorld(wit.world, world);
  const obstacle = text === undefined ? `found no body of the world "${world}"` : loaderObstacle(shape);
  if (text === undefined || obstacle !== undefined) return { obstacle: obstacle ?? "" };
  const code = loaderSource(shape);
  const source: WitSource = { ...wit, world: text };
  const digest = createHash("sha256").update(joinWit(source)).update("\0").update(code).digest("hex");
  const file = join(cache, `loader-${digest.slice(0, 24)}.wasm`);
  if (!existsSync(file)) {
    onBuild();
    const component = await componentiseWithQuickjs({ code, wit: source, world });
    await mkdir(cache, { recursive: true });
    await writeFileAtomic(file, component, 0o644);
  }
  return { file };
}

/** What a component of the world imports and exports, found out by making an empty one. */
async function shapeOf(wit: WitSource, world: string): Promise<WorldShape> {
  const tools = await import("@bytecodealliance/jco-transpile/wasm-tools");
  try {
    const embedded = await tools.componentEmbed({ dummy: true, witSource: joinWit(wit), world });
    return inspectComponent(await tools.componentNew(embedded));
  } catch (cause) {
    const text = cause instanceof Error && "payload" in cause ? String(cause.payload) : reasonOf(cause);
    throw new PetioleError("ERR_BUILD_FAILED", `Cannot read the WIT of the world "${world}": ${text}`, { cause });
  }
}
