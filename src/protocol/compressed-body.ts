/** Bodies that SDKs compress before they sign and send them: those of operations that take much, such as metrics. */
import { gunzipSync } from 'node:zlib';
import { ApiError, abbreviated, serializationException } from './error.ts';
import type { SignedRequest } from './signature.ts';

/** AWS takes a megabyte. A few kilobytes can be made that inflate to gigabytes. */
export const CONTENT_BYTES_MAX = 4 * 1024 * 1024;

/**
 * The body of `request`, inflated when its Content-Encoding is gzip.
 * @throws ApiError SerializationException, or RequestEntityTooLargeException (413)
 */
export function contentOf({ headers, body }: Pick<SignedRequest, 'headers' | 'body'>): Buffer {
  if (body.length > CONTENT_BYTES_MAX) throw tooLarge();
  const encoding = String(headers['content-encoding'] ?? '')
    .trim()
    .toLowerCase();
  if (encoding === '' || encoding === 'identity') return body;
  if (encoding !== 'gzip') {
    throw serializationException(`The Content-Encoding must be gzip or none, not ${abbreviated(encoding)}.`);
  }
  try {
    return gunzipSync(body, { maxOutputLength: CONTENT_BYTES_MAX });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge();
    throw serializationException('The body is not what its Content-Encoding, gzip, says.');
  }
}

const tooLarge = () =>
  new ApiError(
    'RequestEntityTooLargeException',
    `A request may have ${CONTENT_BYTES_MAX} bytes, counted before compression; send it in several.`,
    413,
  );
