// The part of an address behind the question mark.

/** The last value of each name. Undefined when it is not encoded as it should be. */
export function parseQuery(query: string): ReadonlyMap<string, string> | undefined {
  const values = new Map<string, string>();
  for (const part of query.split("&")) {
    if (part === "") continue;
    const [name = "", ...value] = part.split("=");
    try {
      values.set(decode(name), decode(value.join("=")));
    } catch {
      return undefined;
    }
  }
  return values;
}

const decode = (text: string): string => decodeURIComponent(text.replaceAll("+", " "));
