const JSON_VALUE = /^(?:[[{"]|-?\d|(?:true|false|null)$)/;

/**
 * The configuration of a provider or a link. Its values have structure, those of a lattice are strings: one that is JSON is
 * taken as that, any other as text. Digits that are meant as text stand in JSON's quotation marks.
 */
export function structuredConfig(config: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).map(([key, text]) => [key, structured(text)]));
}

function structured(text: string): unknown {
  if (!JSON_VALUE.test(text)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
