// Methods and schemes: variants for the component, text for the network.

const METHODS = ["get", "head", "post", "put", "delete", "connect", "options", "trace", "patch"] as const;

export type Method = { readonly tag: (typeof METHODS)[number] } | { readonly tag: "other"; readonly val: string };
export type Scheme = { readonly tag: "HTTP" | "HTTPS" } | { readonly tag: "other"; readonly val: string };

const BY_TEXT: ReadonlyMap<string, Method> = new Map(METHODS.map((tag) => [tag.toUpperCase(), { tag }]));
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*$/;

export function methodOf(text: string): Method {
  return BY_TEXT.get(text) ?? { tag: "other", val: text };
}

/** Undefined when it is none. */
export function methodText(method: Method): string | undefined {
  if (method.tag !== "other") return method.tag.toUpperCase();
  return TOKEN.test(method.val) ? method.val : undefined;
}

export function schemeOf(text: string): Scheme {
  if (text === "http") return { tag: "HTTP" };
  return text === "https" ? { tag: "HTTPS" } : { tag: "other", val: text };
}

export function isScheme(scheme: Scheme): boolean {
  return scheme.tag !== "other" || SCHEME.test(scheme.val);
}
