import { PROVIDERS } from "../../providers/index.ts";
import { platformLabels } from "../adapters/lattice/wasmcloud/inventory.ts";
import type { LatticeHost } from "../adapters/lattice/wasmcloud/lattice-host.ts";
import type { Config } from "../config/schema.ts";
import { isPetioleError } from "../domain/errors.ts";
import type { DeviceView } from "../oam/translate.ts";
import { secretRule } from "./lattice-secrets.ts";
import { componentSource, providerTypeOf } from "./lattice-references.ts";

/** The device as applications see it. Without a lattice it has the labels of its platform, and no named configurations. */
export function deviceView(
  config: Pick<Config, "secrets" | "lattice">,
  lattice: Pick<LatticeHost, "labels" | "namedConfig"> | undefined,
): Omit<DeviceView, "application"> {
  return {
    labels: lattice?.labels() ?? platformLabels(process),
    providerType: (image) => providerTypeOf(image, PROVIDERS),
    componentProblem: (image) => {
      try {
        componentSource(image, "/");
        return undefined;
      } catch (error) {
        if (isPetioleError(error, "ERR_LATTICE_REFERENCE")) return error.message;
        throw error;
      }
    },
    // Who deploys at the device may have whatever the device has.
    secret: secretRule(config, { outside: false }),
    namedConfig: (name) => lattice?.namedConfig(name),
  };
}
