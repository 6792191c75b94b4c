import type { ControlHandlers } from "../adapters/control/server.ts";
import type { LinkResetParams, LinkSwapParams } from "../adapters/control/protocol.ts";
import { PetioleError, isErrorCode, isPetioleError } from "../domain/errors.ts";
import type { LinkMove, LinkSwap, LinkSwapReport, LinksReport } from "../domain/link-swap.ts";
import type { LinkStatus } from "../domain/status.ts";
import type { LinkSpec, WantedState } from "../domain/workload.ts";
import type { Host } from "../host/host.ts";
import { applySwaps, providerLinks, withProvider, withSwap, type ProviderLink } from "../host/link-swaps.ts";
import { linkKey } from "../host/plan.ts";
import type { StateStore } from "../host/ports.ts";
import { createExclusive } from "../lib/exclusive.ts";
import type { Logger } from "../lib/log.ts";
import { markReferences } from "../lib/secret-references.ts";
import { formatSwaps, parseSwaps } from "./link-swap-record.ts";
import { EXECUTABLE } from "./provider-types.ts";

export interface LinkControlDeps {
  readonly state: StateStore;
  readonly log: Logger;
  /** What all sources of desired state want together, without the swaps. */
  readonly wanted: () => WantedState;
  /** Makes it run as `apply` says now. Resolves after the first try. */
  readonly refresh: () => Promise<void>;
  readonly host: Pick<Host, "status" | "checkLink">;
}

/** Swaps the providers of links by hand. What was swapped is kept in the store: the device boots with it. */
export interface LinkControl {
  /** @throws PetioleError ERR_STORE_FAILED */
  load(): Promise<void>;
  /** What is wanted, with the swaps. */
  apply(wanted: WantedState): WantedState;
  readonly handlers: Pick<ControlHandlers, "links" | "link-swap" | "link-reset">;
}

interface Move {
  readonly before: ProviderLink;
  readonly after: LinkSpec;
  readonly to: string;
}

const STATE = "link-swaps";
/** Who swaps is at the device, and may name its secrets. @throws PetioleError ERR_CONFIG_INVALID */
function withSecrets(config: unknown): unknown {
  return markReferences(config, (path, message) => {
    throw new PetioleError("ERR_CONFIG_INVALID", `Cannot use the link's configuration: ${path.join(".")}: ${message}`);
  });
}

/** Each is kept in the store and in memory. */
const MOST_SWAPS = 256;

export function createLinkControl({ state, log, wanted, refresh, host }: LinkControlDeps): LinkControl {
  const exclusive = createExclusive();
  let swaps: readonly LinkSwap[] = [];

  const linksNow = (): ProviderLink[] => providerLinks(wanted(), swaps);

  function linksOf(component: string, name: string | undefined): ProviderLink[] {
    const found = linksNow().filter((one) => one.component === component && one.link.name === (name ?? one.link.name));
    if (found.length > 0) return found;
    const which = name === undefined ? "no link" : `no link "${name}"`;
    throw new PetioleError("ERR_LINK_UNKNOWN", `Cannot swap a link of "${component}": it has ${which} with a provider`);
  }

  /** Those that the provider can have: what is meant when nobody says which. */
  async function fitting(moves: readonly Move[]): Promise<Move[]> {
    const misfits: PetioleError[] = [];
    const found: Move[] = [];
    for (const move of moves) {
      try {
        await host.checkLink(move.after);
        found.push(move);
      } catch (error) {
        // What the provider has not is not meant; anything else is a mistake.
        if (!isPetioleError(error, "ERR_LINK_INVALID")) throw error;
        misfits.push(error);
      }
    }
    if (found.length === 0 && misfits[0] !== undefined) throw misfits[0];
    return found;
  }

  async function plan({ component, name, from, to, interfaces, ...params }: LinkSwapParams): Promise<Move[]> {
    const config = withSecrets(params.config);
    const isMeant = ({ provider, link }: ProviderLink): boolean =>
      provider === (from ?? provider) && (interfaces ?? []).every((one) => link.interfaces.includes(one));
    const candidates = linksOf(component, name).filter(isMeant);
    const types = new Map(wanted().providers.map(({ id, type }) => [id, type]));
    if (!types.has(to)) {
      const known = [...types.keys()].join(", ");
      throw new PetioleError(
        "ERR_LINK_UNKNOWN",
        `Cannot swap to "${to}": there is no such provider, want one of ${known}`,
      );
    }
    const moves = await fitting(
      candidates.map((before) => {
        const own = withProvider(before, to, undefined);
        const isHome = linkKey(own) === linkKey(before.wanted);
        const settings = config ?? (isHome ? before.wanted.config : before.link.config);
        return { before, to, after: withProvider(before, to, settings) };
      }),
    );
    const providers = new Set(moves.map(({ before }) => before.provider));
    if (providers.size !== 1) {
      const found = providers.size === 0 ? "no link is meant" : `links with ${[...providers].join(" and ")} are meant`;
      throw new PetioleError(
        "ERR_LINK_UNKNOWN",
        `Cannot swap a link of "${component}" to "${to}": ${found}; --from, --name and --interface say which`,
      );
    }
    const process = [to, ...providers].find((id) => types.get(id) === EXECUTABLE);
    if (process !== undefined) {
      throw new PetioleError(
        "ERR_LINK_INVALID",
        `Cannot swap a link of "${component}" to "${to}": "${process}" is a process, whose links are for its source of desired state to say`,
      );
    }
    return moves;
  }

  const key = ({ after }: Move): string => linkKey(after);

  /** Why a link that was to be moved is not there; undefined when it is. */
  function failureOf(move: Move): PetioleError | undefined {
    const status = host.status();
    const found = status.links.find((link) => linkKey({ ...link, config: undefined }) === key(move));
    if (found === undefined || found.state === "bound") return undefined;
    const { component } = move.before;
    const runs = status.components.some(({ id, state }) => id === component && state === "running");
    if (found.state === "waiting" && !runs) return undefined;
    const { code, message } = found.lastError ?? { code: "ERR_PROVIDER_STOPPED", message: `"${move.to}" does not run` };
    return new PetioleError(isErrorCode(code) ? code : "ERR_PROVIDER_STOPPED", `The link stays as it was: ${message}`);
  }

  async function carryOut(next: readonly LinkSwap[], moves: readonly Move[]): Promise<void> {
    const before = swaps;
    swaps = next;
    try {
      await refresh();
      const failure = moves.map(failureOf).find((error) => error !== undefined);
      if (failure !== undefined) throw failure;
      // What is not remembered would be another thing after the next boot.
      await state.save(STATE, next.length === 0 ? undefined : formatSwaps(next));
    } catch (error) {
      swaps = before;
      await refresh();
      throw error;
    }
    for (const { before: was, to } of moves) {
      log.info("Link swapped", { component: was.component, link: was.link.name, from: was.provider, to });
    }
  }

  const shown = ({ before: { link, provider: from }, to }: Move): LinkMove => {
    const { name, source, target, interfaces } = link;
    return { name, source, target, interfaces, from, to };
  };

  async function swap(params: LinkSwapParams): Promise<LinkSwapReport> {
    const { dryRun } = params;
    const moves = await plan(params);
    const next = moves.reduce<readonly LinkSwap[]>(
      (sum, { before, to, after }) => withSwap(sum, before, to, after.config),
      swaps,
    );
    if (next.length > MOST_SWAPS) {
      throw new PetioleError("ERR_LINK_INVALID", `Cannot swap another link: a device keeps ${MOST_SWAPS} swaps`);
    }
    if (!dryRun) await carryOut(next, moves);
    return { dryRun, moves: moves.map(shown) };
  }

  async function reset({ component, name, dryRun }: LinkResetParams): Promise<LinkSwapReport> {
    const isMeant = ({ of }: LinkSwap): boolean =>
      (of.source === component || of.target === component) && of.name === (name ?? of.name);
    if (!swaps.some(isMeant)) {
      throw new PetioleError("ERR_LINK_UNKNOWN", `Cannot reset the links of "${component}": none of them is swapped`);
    }
    const moves = linksNow().flatMap((before): Move[] => {
      if (before.swap === undefined || !isMeant(before.swap)) return [];
      const { wanted: after } = before;
      return [{ before, after, to: after.source === component ? after.target : after.source }];
    });
    if (!dryRun)
      await carryOut(
        swaps.filter((one) => !isMeant(one)),
        moves,
      );
    return { dryRun, moves: moves.map(shown) };
  }

  function report(): LinksReport {
    const now = linksNow();
    const used = new Set(now.flatMap((one) => (one.swap === undefined ? [] : [one.swap])));
    const byKey = new Map(now.map((one) => [linkKey(one.link), one]));
    const insteadOf = (link: LinkStatus): string | undefined => {
      const one = byKey.get(linkKey({ ...link, config: undefined }));
      if (one?.swap === undefined) return undefined;
      return one.wanted.source === one.component ? one.wanted.target : one.wanted.source;
    };
    return {
      links: host.status().links.map((link) => ({ ...link, insteadOf: insteadOf(link) })),
      idle: swaps.filter((one) => !used.has(one)).map(({ of, to }) => ({ of, to })),
    };
  }

  return {
    async load() {
      const text = await state.load(STATE);
      const loaded = text === undefined ? [] : parseSwaps(text);
      if (loaded === undefined) log.error("The stored swaps of links cannot be read and are left out");
      swaps = loaded ?? [];
    },
    apply: (state) => applySwaps(state, swaps),
    handlers: {
      links: async () => report(),
      "link-swap": (params) => exclusive.run(() => swap(params)),
      "link-reset": (params) => exclusive.run(() => reset(params)),
    },
  };
}
