import { failure, paramsFault, type SqlFault } from "../sql-fault.ts";

/** Between a value of the contract and PostgreSQL's text form of it. `write` throws a fault of the parameters. */
export interface Codec<Value = never> {
  /** @throws SqlFault when the contract has no way to say what the text says */
  read(text: string): unknown;
  /** @throws SqlFault when the value is none of its type */
  write(value: Value): string;
}

export const misfit = (what: string, found: string): SqlFault => paramsFault(`"${found}" is no ${what}`);
export const unrepresentable = (what: string): SqlFault =>
  failure("unrepresentable", `${what}; select it as text instead`);

/** Text that is the value. */
export const asText: Codec<string> = { read: (text) => text, write: (value) => value };

export const matching = (what: string, pattern: RegExp): Codec<string> => ({
  read: (text) => text,
  write: (value) => {
    if (!pattern.test(value)) throw misfit(what, value);
    return value;
  },
});

export const integer: Codec<number> = { read: Number, write: String };
export const bigInteger: Codec<bigint> = { read: BigInt, write: String };
export const boolean: Codec<boolean> = { read: (text) => text === "t" || text === "true", write: String };

export const json: Codec<string> = {
  read: (text) => text,
  write: (value) => {
    try {
      JSON.parse(value);
    } catch {
      throw misfit("JSON", value.slice(0, 80));
    }
    return value;
  },
};
