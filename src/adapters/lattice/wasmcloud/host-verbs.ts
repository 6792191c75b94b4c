import type { HostContext, Verb } from "./context.ts";
import { decode } from "./decode.ts";
import { millis, seconds, type Millis } from "../../../domain/units.ts";
import {
  accepted,
  answer,
  labelRequest,
  refused,
  registryMap,
  stopHostRequest,
  type HostReply,
  type Inventory,
} from "./wire.ts";

export interface HostVerbsDeps extends HostContext {
  ping(): HostReply;
  inventory(): Inventory;
  /** Stops the workloads, for which there is `limit`, and then the agent. */
  stop(limit: Millis): Promise<void>;
}

const STOP_LIMIT = seconds(10);
const MOST_LABELS = 256;
const MOST_REGISTRIES = 64;

export function hostVerbs(host: HostVerbsDeps): Readonly<Record<string, Verb>> {
  const labelsChanged = (): void =>
    host.publish({ name: "labels_changed", data: { host_id: host.hostId, labels: host.labels() } });

  return {
    "host.ping": () => ({ reply: answer(host.ping()) }),
    "host.get": () => ({ reply: answer(host.inventory()) }),

    "host.stop": (body) => {
      const request = body.length === 0 ? { host_id: "" } : decode(stopHostRequest, body, "stop host command");
      const { host_id: id } = request;
      if (id !== "" && id !== host.hostId) return { reply: refused(`invalid host_id [${id}]`) };
      const limit = "timeout" in request ? request.timeout : undefined;
      return {
        reply: accepted("successfully handled stop host"),
        after: () => host.stop(typeof limit === "number" ? millis(limit) : STOP_LIMIT),
      };
    },

    "label.put": async (body) => {
      const { key, value } = decode(labelRequest, body, "host label put request");
      if (/^hostcore\./i.test(key)) return { reply: refused("hostcore.* labels cannot be set dynamically") };
      const { labels } = host.wanted();
      if (!Object.hasOwn(labels, key) && Object.keys(labels).length >= MOST_LABELS) {
        return { reply: refused(`cannot set the label "${key}": there are ${MOST_LABELS} already`) };
      }
      host.want((wanted) => ({ ...wanted, labels: { ...wanted.labels, [key]: value } }));
      await host.save();
      labelsChanged();
      return { reply: accepted("successfully put label") };
    },

    "label.del": async (body) => {
      const { key } = decode(labelRequest, body, "host label delete request");
      if (!Object.hasOwn(host.labels(), key)) {
        return { reply: accepted("successfully deleted label (no such label)") };
      }
      host.want((wanted) => ({ ...wanted, labels: { ...wanted.labels, [key]: null } }));
      await host.save();
      labelsChanged();
      return { reply: accepted("successfully deleted label") };
    },

    "registry.put": async (body) => {
      const registries = decode(registryMap, body, "registry configuration");
      const known = host.wanted().registries;
      const all = { ...known, ...registries };
      if (Object.keys(all).length > MOST_REGISTRIES) {
        return { reply: refused(`cannot keep more than ${MOST_REGISTRIES} registries`) };
      }
      host.want((wanted) => ({ ...wanted, registries: { ...wanted.registries, ...registries } }));
      await host.save();
      return { reply: accepted("successfully put registries") };
    },
  };
}
