// The WIT edges: edges of the button come in, the lamp is set.

import { errorText } from "petiole/guest";
import type { EdgeBatch } from "petiole:gpio/edge-handler@0.1.0";
import { get, set } from "petiole:gpio/lines@0.1.0";
import { log } from "wasi:logging/logging@0.1.0-draft";
import { countPresses, turn } from "./lamp.ts";

// Labels; which pins they are is a matter of the deployment.
const BUTTON = "button";
const LAMP = "lamp";

export const edgeHandler = {
  handleEdges({ label, events, lost }: EdgeBatch): void {
    if (label !== BUTTON) return;
    // There is no result that could carry an error: what fails is logged.
    try {
      if (lost > 0) log("warn", "my-component", `${lost} edges of the button were lost`);
      const before = get(LAMP);
      const after = turn(before, countPresses(events));
      if (after === before) return;
      set(LAMP, after);
      log("info", "my-component", `lamp ${after}`);
    } catch (error) {
      log("error", "my-component", errorText(error));
    }
  },
};
