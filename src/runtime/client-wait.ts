// How long an exchange has waited for its HTTP client: for the rest of the request, or to have its response taken.

export class ClientWait {
  readonly #now: () => number;
  #request = false;
  #response = false;
  #since = 0;
  #before = 0;

  /** `now` gives milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The component can take more of the request, and the client has sent none. */
  set request(waiting: boolean) {
    this.#change(waiting, this.#response);
  }

  /** The component can write no more of its response until the client has taken some. */
  set response(waiting: boolean) {
    this.#change(this.#request, waiting);
  }

  get #waiting(): boolean {
    return this.#request || this.#response;
  }

  /** Whether it is the client's doing that a turn which waits is not over after so many milliseconds. */
  blames(elapsed: number): boolean {
    if (this.#waiting) return true;
    // A client can come to life just before the end.
    return this.#before * 2 >= elapsed;
  }

  #change(request: boolean, response: boolean): void {
    const was = this.#waiting;
    this.#request = request;
    this.#response = response;
    if (was === this.#waiting) return;
    if (was) this.#before += this.#now() - this.#since;
    else this.#since = this.#now();
  }
}
