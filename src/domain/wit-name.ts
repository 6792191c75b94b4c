/** A WIT interface name taken apart: `wasi:keyvalue/store@0.2.0-draft`. */
export interface WitName {
  readonly namespace: string;
  readonly package: string;
  readonly interface: string;
  /** Undefined when the name carries none. */
  readonly version: string | undefined;
}

const PATTERN = /^([a-z][a-z0-9-]*):([a-z][a-z0-9-]*)\/([a-z][a-z0-9-]*)(?:@([0-9A-Za-z.+-]+))?$/;

/** Undefined when `text` is not an interface name (component-model "interfacename" grammar, one package level). */
export function parseWitName(text: string): WitName | undefined {
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const [, namespace = "", pkg = "", name = "", version] = match;
  return { namespace, package: pkg, interface: name, version };
}

/** `wasi:keyvalue/store`: the name without its version, which is how links and tables are keyed. */
export function unversioned(text: string): string {
  const at = text.indexOf("@");
  return at < 0 ? text : text.slice(0, at);
}
