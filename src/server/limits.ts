/** What one client, or all of them together, may take of the server: every queue, buffer and wait has an end. */

/** 500 records of together 10 MiB are 13.4 MiB as base64; keys and JSON come on top. */
export const BODY_BYTES_MAX = 16 * 1024 * 1024;

/** Bytes received of requests that are not answered yet, together. More are refused until some are. */
export const BODIES_BYTES_MAX = 256 * 1024 * 1024;

/** Answers that wait for their clients to read them, together. No request is taken while there are more. */
export const UNSENT_BYTES_MAX = 256 * 1024 * 1024;

/** A body must have come by then. */
export const BODY_MS_MAX = 30_000;

/** Header lines of a request. Node would silently drop what exceeds a limit of its own. */
export const HEADERS_MAX = 100;

/** Those with which HTTP/2 replaces the first line of a request. */
export const PSEUDO_HEADERS = 4;

/** Bytes of all header lines of a request. */
export const HEADER_BYTES_MAX = 16_384;

export const CONNECTIONS_MAX = 12_000;

/** A connection on which nothing moves is closed, also when it was the client that did not read. */
export const IDLE_MS_MAX = 120_000;

/** TLS must be agreed on by then. */
export const HANDSHAKE_MS_MAX = 10_000;

/** Bytes that node holds for one HTTP/2 session: so many that the limits for all sessions together decide. */
export const SESSION_BYTES_MAX = 2 * (BODIES_BYTES_MAX + UNSENT_BYTES_MAX);

/** Streams of an HTTP/2 session at a time. */
export const STREAMS_MAX = 128;

/** Streams that a session may take back at once, and per second afterwards, before it is closed (rapid reset). */
export const RESET_BURST = 1000;
export const RESETS_PER_SECOND = 33;

/** Counts bytes that are held until they are given back. */
export class Allowance {
  readonly #max: number;
  #used = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get isExhausted(): boolean {
    return this.#used >= this.#max;
  }

  take(bytes: number): void {
    this.#used += bytes;
  }

  giveBack(bytes: number): void {
    this.#used -= bytes;
  }
}
