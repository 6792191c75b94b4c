// For components, as "petiole/guest": what QuickJS lacks. It knows nothing of petiole, nor of Node.

export { errorText } from "./error-text.ts";
export { once } from "./once.ts";
export { decodeUtf8, encodeUtf8 } from "./utf8.ts";
