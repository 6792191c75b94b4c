/** Cuts a stream of bytes into lines of text. A line longer than `maxLine` comes in pieces. */
export class LineSplitter {
  readonly #decoder = new TextDecoder();
  readonly #maxLine: number;
  readonly #onLine: (line: string) => void;
  #rest = "";

  constructor(maxLine: number, onLine: (line: string) => void) {
    this.#maxLine = maxLine;
    this.#onLine = onLine;
  }

  write(bytes: Uint8Array): void {
    this.#push(this.#decoder.decode(bytes, { stream: true }));
  }

  /** Gives out a line that has begun and not ended. */
  flush(): void {
    this.#push(this.#decoder.decode());
    if (this.#rest === "") return;
    const line = this.#rest;
    this.#rest = "";
    this.#onLine(line);
  }

  #push(text: string): void {
    const [first = "", ...more] = text.split("\n");
    this.#append(first);
    for (const part of more) {
      const line = this.#rest.endsWith("\r") ? this.#rest.slice(0, -1) : this.#rest;
      this.#rest = "";
      this.#onLine(line);
      this.#append(part);
    }
  }

  #append(text: string): void {
    this.#rest += text;
    while (this.#rest.length > this.#maxLine) {
      this.#onLine(this.#rest.slice(0, this.#maxLine));
      this.#rest = this.#rest.slice(this.#maxLine);
    }
  }
}
