/** Strict base64, as AWS takes it. Node's own decoder skips what it does not know; a record must not change unnoticed. */
import { type ApiError, abbreviated, serializationException } from './error.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/**
 * The bytes of `text`.
 * @throws ApiError SerializationException with AWS's text for a wrong length, character or stray bits.
 */
export function decodeBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (!isCleanlyDecoded(text, bytes)) throw reasonAgainst(text);
  if (text.endsWith('=') && hasStrayBits(text)) throw strayBits(text);
  return bytes;
}

/**
 * Cheap for good input, where a regular expression would cost more than the decoding. What the decoder skips makes the
 * result shorter; what it takes without being base64 are the two characters of the URL alphabet, and characters beyond
 * ASCII, of which it looks at the lowest byte only. The reason is looked for only when something is wrong.
 */
function isCleanlyDecoded(text: string, bytes: Buffer): boolean {
  if (text.length % 4 !== 0 || bytes.length !== decodedLength(text)) return false;
  const isAscii = Buffer.byteLength(text) === text.length;
  return isAscii && !text.includes('-') && !text.includes('_');
}

function decodedLength(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return (text.length / 4) * 3 - padding;
}

/** Whether bits of the last character before the padding belong to no byte and are not zero. */
function hasStrayBits(text: string): boolean {
  const two = text.endsWith('==');
  const last = ALPHABET.indexOf(text.charAt(text.length - (two ? 3 : 2)));
  return (last & (two ? 0b1111 : 0b11)) !== 0;
}

function reasonAgainst(text: string): ApiError {
  if (text.length % 4 !== 0) {
    return notABlob(text, `Base64 encoded length is expected a multiple of 4 bytes but found: ${text.length}`);
  }
  const data = text.endsWith('==') ? text.slice(0, -2) : text.endsWith('=') ? text.slice(0, -1) : text;
  const bad = [...data].find((character) => !ALPHABET.includes(character));
  return bad === undefined ? strayBits(text) : notABlob(text, `Invalid Base64 character: '${bad}'`);
}

// "dectected" is how AWS spells it.
const strayBits = (text: string) => notABlob(text, 'Invalid last non-pad Base64 character dectected');

function notABlob(text: string, reason: string): ApiError {
  return serializationException(`'${abbreviated(text)}' can not be converted to a Blob: ${reason}`);
}
