// Commands about what all hosts of a lattice share: links, configurations, claims. Any host may get them.

import { reasonOf } from "../../../lib/reason.ts";
import { PetioleError } from "../../../domain/errors.ts";
import type { HostContext, Outcome, Verb } from "./context.ts";
import { decode } from "./decode.ts";
import { linksOf } from "./items.ts";
import { isSecret } from "./named-config.ts";
import { deleteLink, LINK_CONFLICT, putLink } from "./links.ts";
import { linkMessage, linkRemoval, providerLink } from "./provider-links.ts";
import { CLAIMS, componentKey, isBucketKey } from "./subjects.ts";
import {
  accepted,
  answer,
  componentRecord,
  configMap,
  deleteLinkRequest,
  linkSchema,
  parseStored,
  refused,
  type Link,
} from "./wire.ts";
import { claimsMaps } from "./claims.ts";

export function sharedVerbs(context: HostContext): Readonly<Record<string, Verb>> {
  const { data, config } = context;

  async function putLinkVerb(body: Uint8Array): Promise<Outcome> {
    const link = decode(linkSchema, body, "link definition");
    try {
      checkLink(link);
      await data.change(componentKey(link.source_id), (value) => {
        const record = parseStored(componentRecord, value) ?? { url: "", links: [] };
        const links = putLink(record.links, link);
        if (links === undefined) throw new PetioleError("ERR_LATTICE_REQUEST", LINK_CONFLICT);
        return JSON.stringify({ ...record, links });
      });
    } catch (error) {
      context.publish({ name: "linkdef_set_failed", data: { ...link, error: reasonOf(error) } });
      throw error;
    }
    await context.kept();
    tellEnds(link, "linkdefs.put");
    context.publish({ name: "linkdef_set", data: link });
    return { reply: accepted("successfully set link") };
  }

  /**
   * Processes of providers hear of a new link from their own host; this is for those that were made for hosts of 1.0. Of one that
   * goes, every process hears here. Nothing is said of a link with a secret, which is sealed for one process alone.
   */
  function tellEnds(link: Link, verb: "linkdefs.put" | "linkdefs.del"): void {
    if (verb === "linkdefs.put" && [...link.source_config, ...link.target_config].some(isSecret)) return;
    const told = providerLink(link, context.lookup);
    const message = verb === "linkdefs.put" ? linkMessage(told) : linkRemoval(told);
    for (const end of new Set([link.source_id, link.target])) context.tell(end, verb, message);
  }

  function checkLink({ source_id, source_config, target_config }: Link): void {
    checkKey(componentKey(source_id));
    const missing = [...source_config, ...target_config].filter((name) => config.get(name) === undefined);
    if (missing.length === 0) return;
    const found = missing.map((name) => `Config ${name} does not exist`).join(", ");
    throw new PetioleError("ERR_LATTICE_REQUEST", `Failed to validate configuration and secrets. ${found}`);
  }

  async function deleteLinkVerb(body: Uint8Array): Promise<Outcome> {
    const request = decode(deleteLinkRequest, body, "link definition");
    const key = componentKey(request.source_id);
    checkKey(key);
    if (data.get(key) === undefined) return { reply: accepted("successfully deleted link (spec doesn't exist)") };
    let removed: Link | undefined;
    await data.change(key, (value) => {
      const record = parseStored(componentRecord, value) ?? { url: "", links: [] };
      const result = deleteLink(record.links, request);
      removed = result.removed;
      return JSON.stringify({ ...record, links: result.links });
    });
    await context.kept();
    if (removed !== undefined) tellEnds(removed, "linkdefs.del");
    const { source_id, name, wit_namespace, wit_package } = request;
    context.publish({
      name: "linkdef_deleted",
      data: {
        source_id,
        name,
        wit_namespace,
        wit_package,
        ...(removed === undefined ? {} : { target: removed.target, interfaces: removed.interfaces }),
      },
    });
    return { reply: accepted("successfully deleted link") };
  }

  /** The one token behind the verb; a name with a dot is none. */
  const named = (rest: readonly string[], act: (name: string) => Outcome | Promise<Outcome>) => {
    const [name] = rest;
    if (name === undefined || rest.length !== 1) return { reply: refused("unsupported subject") };
    checkKey(name);
    return act(name);
  };

  return {
    "link.put": putLinkVerb,
    "link.del": deleteLinkVerb,
    "link.get": () => ({ reply: answer(linksOf(data.entries())) }),

    "config.put": (body, rest) =>
      named(rest, async (name) => {
        const text = new TextDecoder().decode(body);
        if (parseStored(configMap, text) === undefined) {
          return { reply: refused("config data should be a map of string -> string") };
        }
        await config.change(name, () => text);
        await context.kept();
        context.publish({ name: "config_set", data: { config_name: name } });
        return { reply: accepted("successfully put config") };
      }),
    "config.get": (_body, rest) =>
      named(rest, (name) => {
        const found = parseStored(configMap, config.get(name));
        return { reply: found === undefined ? accepted("Configuration not found") : answer(found) };
      }),
    "config.del": (_body, rest) =>
      named(rest, async (name) => {
        if (config.get(name) !== undefined) await config.change(name, () => undefined);
        await context.kept();
        context.publish({ name: "config_deleted", data: { config_name: name } });
        return { reply: accepted("successfully deleted config") };
      }),

    "claims.get": () => ({
      reply: answer(claimsMaps(data.entries().flatMap(([key, value]) => (key.startsWith(CLAIMS) ? [value] : [])))),
    }),
  };
}

function checkKey(key: string): void {
  if (isBucketKey(key)) return;
  throw new PetioleError(
    "ERR_LATTICE_REQUEST",
    `cannot use "${key}" as a key: want letters, digits, "_", "-", "=", "/"`,
  );
}
