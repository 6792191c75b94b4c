// Names of containers and objects as names of files, and back. Whatever a component calls them, what comes out is one name
// without separators, that is neither hidden nor means another folder.

/** What file systems take, less what is put before a name while its file is written. */
const MAX_ENCODED = 240;
const PLAIN = /^[A-Za-z0-9_.~-]$/;

/** Undefined for a name that is empty or too long. */
export function encodeName(name: string): string | undefined {
  // Each character is a byte at least.
  if (name === "" || name.length > MAX_ENCODED || !name.isWellFormed()) return undefined;
  const encoded = [...Buffer.from(name)]
    .map((byte, index) => {
      const character = String.fromCharCode(byte);
      const isPlain = PLAIN.test(character) && !(index === 0 && character === ".");
      return isPlain ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    })
    .join("");
  return encoded.length <= MAX_ENCODED ? encoded : undefined;
}

/** Undefined for what `encodeName` does not make. */
export function decodeName(encoded: string): string | undefined {
  try {
    const name = decodeURIComponent(encoded);
    return encodeName(name) === encoded ? name : undefined;
  } catch {
    return undefined;
  }
}

/** One name for a component's container, apart from those of other namespaces. Undefined for what cannot be one. */
export function containerKey(namespace: string, container: string): string | undefined {
  const own = encodeName(container);
  if (own === undefined) return undefined;
  if (namespace === "") return own;
  const before = encodeName(namespace);
  if (before === undefined) return undefined;
  // Neither of them has such a sign.
  const key = `${before}+${own}`;
  return key.length <= MAX_ENCODED ? key : undefined;
}
