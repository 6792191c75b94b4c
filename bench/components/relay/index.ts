import { publish } from "wasmcloud:messaging/consumer@0.2.0";
import type { BrokerMessage } from "wasmcloud:messaging/handler@0.2.0";

export const handler = {
  handleMessage({ body }: BrokerMessage): void {
    publish({ subject: "bench/out", body });
  },
};
