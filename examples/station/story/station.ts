// What the story is played with.

import type { Chip } from "../../../scripts/stage/chip.ts";
import type { Device } from "../../../scripts/stage/device.ts";
import type { Hub } from "../../../scripts/stage/hub.ts";
import type { Sensor } from "../../../scripts/stage/sensors.ts";
import type { HubStreamReader } from "../../../scripts/stage/stored.ts";
import type { Machine } from "./machine.ts";
import type { Meter } from "./meter.ts";

export interface Station {
  readonly device: Device;
  readonly hub: HubStreamReader;
  readonly link: Hub["link"];
  readonly chip: Chip;
  readonly meter: Meter;
  readonly hall: Sensor;
  readonly machine: Machine;
  /** How often the button was pressed. */
  presses: number;
}
