/** The glue takes a result in this form as it is; what is thrown it would have to tell from a fault. */
export type WasiResult<T, E> = { readonly tag: "ok"; readonly val: T } | { readonly tag: "err"; readonly val: E };

export const ok = <T>(val: T): WasiResult<T, never> => ({ tag: "ok", val });
export const err = <E>(val: E): WasiResult<never, E> => ({ tag: "err", val });
