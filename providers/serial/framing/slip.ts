import { dropped, frame, type Framed, type Framer } from "./framer.ts";

// RFC 1055.
const END = 0xc0;
const ESC = 0xdb;
const ESC_END = 0xdc;
const ESC_ESC = 0xdd;

/** SLIP: END around each frame, escapes inside. In step again at every END. */
export function createSlipFramer({ maxLength }: { readonly maxLength: number }): Framer {
  const payload = new Uint8Array(maxLength);
  let length = 0;
  /** Bytes of the present frame as they were read. */
  let raw = 0;
  let isEscape = false;
  let fault: "too-long" | "invalid" | undefined;

  const restart = (): void => {
    length = 0;
    raw = 0;
    isEscape = false;
    fault = undefined;
  };
  const take = (byte: number): void => {
    if (length === maxLength) fault ??= "too-long";
    else payload[length++] = byte;
  };
  const complete = (): readonly Framed[] => {
    // Frames without payload are what an END before and one after each frame make.
    if (raw === 0) return [];
    const framed = fault ?? (isEscape ? "invalid" : undefined);
    return framed === undefined ? [frame(payload.subarray(0, length))] : dropped(raw, framed);
  };

  return {
    gap: undefined,
    push(chunk) {
      const framed: Framed[] = [];
      for (const byte of chunk) {
        if (byte === END) {
          framed.push(...complete());
          restart();
          continue;
        }
        raw += 1;
        if (isEscape) {
          isEscape = false;
          if (byte === ESC_END) take(END);
          else if (byte === ESC_ESC) take(ESC);
          else fault ??= "invalid";
        } else if (byte === ESC) {
          isEscape = true;
        } else {
          take(byte);
        }
      }
      return framed;
    },
    silence: () => [],
    reset() {
      const given = dropped(raw, "partial");
      restart();
      return given;
    },
    encode(bytes) {
      if (bytes.length === 0 || bytes.length > maxLength) return undefined;
      const out = [END];
      for (const byte of bytes) {
        if (byte === END) out.push(ESC, ESC_END);
        else if (byte === ESC) out.push(ESC, ESC_ESC);
        else out.push(byte);
      }
      out.push(END);
      return Uint8Array.from(out);
    },
  };
}
