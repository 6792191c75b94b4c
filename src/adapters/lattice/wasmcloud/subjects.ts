// Every subject, bucket and key of a wasmCloud 1.x lattice that a host uses.

const CONTROL = "wasmbus.ctl.v1";
const EVENTS = "wasmbus.evt";

export interface ControlSubscription {
  readonly subject: string;
  /** What state of the whole lattice is asked for, one host answers: with this very text, also among other kinds of hosts. */
  readonly queue?: string;
}

/** What a host listens to. */
export function controlSubscriptions(lattice: string, host: string): ControlSubscription[] {
  const root = `${CONTROL}.${lattice}`;
  return [
    { subject: `${root}.host.ping` },
    { subject: `${root}.host.*.${host}` },
    { subject: `${root}.component.auction` },
    { subject: `${root}.component.*.${host}` },
    { subject: `${root}.provider.auction` },
    { subject: `${root}.provider.*.${host}` },
    { subject: `${root}.label.*.${host}` },
    { subject: `${root}.registry.put` },
    { subject: `${root}.link.*`, queue: `${root}.link` },
    { subject: `${root}.claims.get`, queue: `${root}.claims` },
    { subject: `${root}.config.>`, queue: `${root}.config` },
  ];
}

/** Where a command goes, such as `controlSubject("default", "host.ping")`. */
export const controlSubject = (lattice: string, verb: string): string => `${CONTROL}.${lattice}.${verb}`;

export const everyCommand = (lattice: string): string => `${CONTROL}.${lattice}.>`;

/** `host.ping`, `config.put`, … and what stands behind it; undefined for what is no command of this lattice. */
export function parseControlSubject(
  lattice: string,
  subject: string,
): { readonly verb: string; readonly rest: readonly string[] } | undefined {
  const prefix = `${CONTROL}.${lattice}.`;
  if (!subject.startsWith(prefix)) return undefined;
  const [noun = "", verb = "", ...rest] = subject.slice(prefix.length).split(".");
  return { verb: `${noun}.${verb}`, rest };
}

export const eventSubject = (lattice: string, name: string): string => `${EVENTS}.${lattice}.${name}`;
export const everyEvent = (lattice: string): string => `${EVENTS}.${lattice}.>`;
/** Calls of components and providers on any host, over wRPC. */
export const everyCall = (lattice: string): string => `${lattice}.*.wrpc.>`;

export const latticeBucket = (lattice: string): string => `LATTICEDATA_${lattice}`;
export const configBucket = (lattice: string): string => `CONFIGDATA_${lattice}`;

const COMPONENT = "COMPONENT_";
export const CLAIMS = "CLAIMS_";
/** Of components and providers, and of what only ever was the source of a link. */
export const componentKey = (id: string): string => `${COMPONENT}${id}`;
export const isComponentKey = (key: string): boolean => key.startsWith(COMPONENT);

/** A key that a bucket can hold. */
export const isBucketKey = (key: string): boolean => /^[A-Za-z0-9_/=.-]+$/.test(key) && !/^\.|\.$|\.\./.test(key);

export const everyProvider = (lattice: string): string => `wasmbus.rpc.${lattice}.>`;

/** What a host and a provider process say to each other; links are put by the process's own key instead of its id. */
export type ProviderVerb = "health" | "default.shutdown" | "linkdefs.put" | "linkdefs.del" | "config.update";
export const providerSubject = (lattice: string, id: string, verb: ProviderVerb): string =>
  `wasmbus.rpc.${lattice}.${id}.${verb}`;

/** Where wadm is asked, such as `wadmSubject("default", "status", "thermo")`. */
export const wadmSubject = (lattice: string, operation: string, name?: string): string =>
  ["wadm.api", lattice, "model", operation, ...(name === undefined ? [] : [name])].join(".");
