import type { EdgeBatch } from "petiole:gpio/edge-handler@0.1.0";
import { set } from "petiole:gpio/lines@0.1.0";

export const edgeHandler = {
  handleEdges({ level }: EdgeBatch): void {
    set("lamp", level);
  },
};
