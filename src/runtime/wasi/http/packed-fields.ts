// Fields as one text: between threads that is much cheaper to send than many.

/** Names and values of HTTP hold no NUL. Values are latin1: each character is a byte. */
export function packFields(fields: readonly (readonly [string, string])[]): string {
  let packed = "";
  for (const [name, value] of fields) packed += `${name}\0${value}\0`;
  return packed;
}

export function unpackFields(packed: string): [string, string][] {
  const fields: [string, string][] = [];
  for (let at = 0; at < packed.length;) {
    const name = packed.indexOf("\0", at);
    const value = packed.indexOf("\0", name + 1);
    fields.push([packed.slice(at, name), packed.slice(name + 1, value)]);
    at = value + 1;
  }
  return fields;
}
