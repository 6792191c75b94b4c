import { unversioned } from "../../domain/wit-name.ts";
import type { FunctionType, InterfaceShape } from "./type.ts";

/** One function of what a component imports or exports. */
export interface ListedFunction {
  /** As the component names it, version included. */
  readonly interfaceName: string;
  /** Without version. */
  readonly interfaceId: string;
  readonly name: string;
  readonly type: FunctionType | undefined;
}

/** The functions in the order of their declaration: both threads know each by its number in this list. */
export function listFunctions(shapes: readonly InterfaceShape[]): readonly ListedFunction[] {
  return shapes.flatMap((shape) =>
    shape.functions.map(({ name, type }) => ({
      interfaceName: shape.name,
      interfaceId: unversioned(shape.name),
      name,
      type,
    })),
  );
}
