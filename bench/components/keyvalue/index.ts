import { open } from "wasi:keyvalue/store@0.2.0-draft";

const VALUE = new Uint8Array(100).fill(7);

/** Not opened here: this code runs when the component is built. */
let bucket: ReturnType<typeof open> | undefined;

export const load = {
  read(times: number): void {
    bucket ??= open("bench");
    for (let index = 0; index < times; index += 1) bucket.get("key-0");
  },
  write(times: number): void {
    bucket ??= open("bench");
    for (let index = 0; index < times; index += 1) bucket.set(`key-${index % 100}`, VALUE);
  },
};
