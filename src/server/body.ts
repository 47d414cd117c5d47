/** Reads the body of a request, whichever way it comes, and no more of it than there is room for. */
import http2 from 'node:http2';
import type { Clock } from '../clock.ts';
import { type Allowance, BODY_BYTES_MAX, BODY_MS_MAX } from './limits.ts';
import type { HttpRequest, HttpResponse } from './one-port.ts';

/** What came of a body. Its `bytes` count against the allowance until they are given back. */
export type Body =
  | { readonly outcome: 'read'; readonly body: Buffer; readonly bytes: number }
  | { readonly outcome: BodyFailure; readonly bytes: number };

/** Longer than allowed; cut off; no room for it among those of all requests. */
export type BodyFailure = 'too large' | 'aborted' | 'busy';

/** Never rejects. */
export function readBody(request: HttpRequest, allowance: Allowance): Promise<Body> {
  if (isAnnouncedTooLarge(request)) return Promise.resolve({ outcome: 'too large', bytes: 0 });
  return new Promise((resolve) => {
    let content = EMPTY;
    let isOver = false;
    const end = (outcome: BodyFailure): void => {
      if (isOver) return;
      isOver = true;
      resolve({ outcome, bytes: content.length });
    };
    request.on('data', (chunk: Buffer) => {
      // What comes after the end is read and dropped, so that the connection survives and the client sees the answer.
      if (isOver) return;
      if (content.length + chunk.length > BODY_BYTES_MAX) return end('too large');
      if (allowance.isExhausted) return end('busy');
      allowance.take(chunk.length);
      content = appended(content, chunk, announcedBytes(request));
    });
    request.on('end', () => {
      if (isOver) return;
      isOver = true;
      resolve({ outcome: 'read', body: bytesOf(content), bytes: content.length });
    });
    request.on('error', () => end('aborted'));
    request.on('close', () => end('aborted'));
  });
}

/** 0 when the length is not told beforehand. */
const announcedBytes = ({ headers }: HttpRequest) => Number(headers['content-length'] ?? 0);

const isAnnouncedTooLarge = (request: HttpRequest) => announcedBytes(request) > BODY_BYTES_MAX;

/** Tells a client that waits for it (Expect: 100-continue) to send the body, unless it would be refused. */
export function askForBody(request: HttpRequest, response: HttpResponse): void {
  if (request.headers.expect !== undefined && !isAnnouncedTooLarge(request)) response.writeContinue();
}

/** Bytes at the beginning of a buffer that may be longer. */
interface Content {
  readonly buffer: Buffer;
  readonly length: number;
}

const EMPTY: Content = { buffer: Buffer.alloc(0), length: 0 };

const bytesOf = ({ buffer, length }: Content): Buffer => buffer.subarray(0, length);

/** Room that is made for what was announced and has not come yet: little enough for whoever announces and sends nothing. */
const AHEAD_BYTES_MAX = 1024 * 1024;

/** And no more than so many times what has come: only that is counted among the bodies of all. */
const AHEAD_TIMES_MAX = 16;

/** Most bodies come in one piece, which is not copied. A list of pieces would cost many times their bytes. */
function appended({ buffer, length }: Content, chunk: Buffer, announced: number): Content {
  if (length === 0) return { buffer: chunk, length: chunk.length };
  const needed = length + chunk.length;
  const roomy = needed <= buffer.length ? buffer : Buffer.allocUnsafeSlow(roomFor(needed, announced));
  if (roomy !== buffer) buffer.copy(roomy, 0, 0, length);
  chunk.copy(roomy, length);
  return { buffer: roomy, length: needed };
}

/** All that was announced, if that is not much more than what is there; else twice what is there. */
function roomFor(needed: number, announced: number): number {
  const most = Math.min(needed + AHEAD_BYTES_MAX, AHEAD_TIMES_MAX * needed);
  return needed <= announced && announced <= most ? announced : 2 * needed;
}

/** Cuts a request off whose body does not come in time. Node does so itself on HTTP/1.1, and not on HTTP/2. */
export function limitBodyTime(request: HttpRequest, response: HttpResponse, clock: Clock): void {
  if (!('stream' in response)) return;
  const { stream } = response;
  // There is no body to wait for.
  if (stream.endAfterHeaders) return;
  const cancel = clock.after(BODY_MS_MAX, () => stream.close(http2.constants.NGHTTP2_CANCEL));
  request.once('end', cancel);
  stream.once('close', cancel);
}
