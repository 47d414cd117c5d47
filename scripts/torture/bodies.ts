/**
 * Bodies of records that say who sent them and whether they are whole: run, client, counter, size and CRC-32, then
 * filler that follows from these. What was sent is made anew for the comparison instead of being stored, and records
 * that lie one behind the other in an object can be told apart.
 *
 *     digits  0     the mark
 *             1-8   run           15-20  counter of the client     27-34  CRC-32 of the 27 digits before and the filler
 *             9-14  client        21-26  size of all of it         35-    filler
 */
import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { createRandom } from './random.ts';

/** Who sent a body, and as which of its bodies. */
export interface BodyName {
  readonly client: number;
  readonly counter: number;
}

export interface Body extends BodyName {
  /** Bytes of all of it. */
  readonly size: number;
}

export interface ReadBody extends Body {
  /** Whether each byte is as it was sent. */
  readonly isIntact: boolean;
}

const MARK = '~';
const SIGNED_BYTES = 27;
const HEAD_BYTES = SIGNED_BYTES + 8;
const HEAD = /^~[0-9a-f]{34}$/;

export const BODY_BYTES_MIN = HEAD_BYTES + 1;
export const BODY_BYTES_MAX = 0xff_ffff;

/** Filler is cut from a block of this size, at a place that follows from the name. */
const NOISE_BYTES = 1 << 18;
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 \n';
/** Every so-and-so-manieth body is no text. */
const BINARY_EVERY = 8;

export interface Bodies {
  readonly run: number;
  make(body: Body): Buffer;
  /** What `bytes` are; undefined when they are no body of this run. */
  read(bytes: Buffer): ReadBody | undefined;
  /** The bodies of which `bytes` consist, and how many bytes at the end are none. */
  readAll(bytes: Buffer): { readonly bodies: readonly ReadBody[]; readonly restBytes: number };
}

/** The bodies of a run, a number below 2^32. */
export function createBodies(run: number): Bodies {
  const binary = createRandom(run, 'noise').bytes(NOISE_BYTES);
  const text = Buffer.from(binary.map((byte) => LETTERS.charCodeAt(byte & 63)));
  const runDigits = digits(run, 8);

  const fill = (target: Buffer, { client, counter, size }: Body): void => {
    const noise = counter % BINARY_EVERY === BINARY_EVERY - 1 ? binary : text;
    let from = (Math.imul(client + 1, 0x9e3779b1) ^ Math.imul(counter + 1, 0x85ebca6b)) & (NOISE_BYTES - 1);
    for (let at = HEAD_BYTES; at < size; from = 0) at += noise.copy(target, at, from, from + size - at);
  };

  const make: Bodies['make'] = (body) => {
    const bytes = Buffer.allocUnsafe(body.size);
    bytes.write(
      `${MARK}${runDigits}${digits(body.client, 6)}${digits(body.counter, 6)}${digits(body.size, 6)}`,
      0,
      'latin1',
    );
    fill(bytes, body);
    bytes.write(digits(checksum(bytes), 8), SIGNED_BYTES, 'latin1');
    return bytes;
  };

  const nameAt = (bytes: Buffer, offset: number): Body | undefined => {
    const head = bytes.toString('latin1', offset, offset + HEAD_BYTES);
    if (!HEAD.test(head) || head.slice(1, 9) !== runDigits) return undefined;
    const number = (from: number) => Number.parseInt(head.slice(from, from + 6), 16);
    const body = { client: number(9), counter: number(15), size: number(21) };
    return body.size >= BODY_BYTES_MIN ? body : undefined;
  };

  const read = (bytes: Buffer): ReadBody | undefined => {
    const body = nameAt(bytes, 0);
    return body && { ...body, isIntact: bytes.length === body.size && make(body).equals(bytes) };
  };

  return {
    run,
    make,
    read,
    readAll(bytes) {
      const bodies: ReadBody[] = [];
      let offset = 0;
      for (let body = nameAt(bytes, 0); body !== undefined; body = nameAt(bytes, offset)) {
        if (offset + body.size > bytes.length) break;
        bodies.push({ ...body, isIntact: make(body).equals(bytes.subarray(offset, offset + body.size)) });
        offset += body.size;
      }
      return { bodies, restBytes: bytes.length - offset };
    },
  };
}

const digits = (value: number, count: number): string => value.toString(16).padStart(count, '0');

const checksum = (bytes: Buffer): number => crc32(bytes.subarray(HEAD_BYTES), crc32(bytes.subarray(0, SIGNED_BYTES)));

/** Keys of a client; few, so that the order within a key means something. */
const KEYS_PER_CLIENT = 7;

/** The partition key with which a body is put. */
export const partitionKeyOf = ({ client, counter }: BodyName): string => `${client}-${counter % KEYS_PER_CLIENT}`;

/** Every so-and-so-manieth body is put with an ExplicitHashKey, where that is allowed. */
const EXPLICIT_EVERY = 5;

/** The hash key that is asked for besides the partition key, in 32 hexadecimal digits; undefined for most bodies. */
export const explicitHexOf = (body: BodyName): string | undefined =>
  body.counter % EXPLICIT_EVERY === 0 ? hash('md5', `explicit ${body.client} ${body.counter}`, 'hex') : undefined;

/** The hash key that decides about the shard of a body, in 32 hexadecimal digits. */
export const hexOf = (body: BodyName, mayBeExplicit: boolean): string =>
  (mayBeExplicit ? explicitHexOf(body) : undefined) ?? hash('md5', partitionKeyOf(body), 'hex');

/** How messages name a body. */
export const nameText = ({ client, counter }: BodyName): string => `${client}:${counter}`;
