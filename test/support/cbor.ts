/**
 * The API in CBOR for tests that are written in JSON: inputs are rewritten as the Java SDKs send them, answers as JSON
 * would have said them. The bytes are made and read by the SDKs' own codec for JavaScript, not by Millrace's.
 */
import { cbor, tagSymbol } from '@smithy/core/cbor';
import { channelService } from '../../src/channels/index.ts';
import { firehose } from '../../src/firehose/index.ts';
import { kinesis } from '../../src/kinesis/index.ts';
import type { AnyShape } from '../../src/protocol/shape.ts';

export const CBOR_TYPE = 'application/x-amz-cbor-1.1';

/** By the name in X-Amz-Target. */
const OPERATIONS = new Map<string, { readonly input: AnyShape }>(
  [kinesis, channelService, firehose].flatMap(({ target, operations }) =>
    [...operations].map(([name, operation]) => [`${target}.${name}`, operation] as const),
  ),
);

/** The tag of points in time; the codec makes no objects of this kind without its own mark. */
const instant = (ms: number) => cbor.deserialize(Buffer.concat([Buffer.from([0xc1]), cbor.serialize(ms)]));

/** The CBOR of `input`, JSON for the operation `target` (`{service}.{operation}`). What fits no shape stays as it is. */
export function cborOf(target: string, input: object): Buffer {
  const operation = OPERATIONS.get(target);
  // Members that are undefined are none in JSON; the codec knows no such thing.
  const sent = JSON.parse(JSON.stringify(input)) as object;
  return Buffer.from(cbor.serialize(operation === undefined ? sent : asCbor(operation.input, sent)));
}

function asCbor(shape: AnyShape, value: unknown): unknown {
  if (shape.kind === 'blob' && typeof value === 'string') return bytesOf(value);
  if (shape.kind === 'timestamp' && typeof value === 'number') return instant(Math.round(value * 1000));
  if (shape.kind === 'list' && Array.isArray(value)) return value.map((element) => asCbor(shape.member, element));
  if (shape.kind !== 'structure' || typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const shapes = new Map(shape.members.map((member) => [member.name, member.shape]));
  const entries = Object.entries(value).map(([name, member]) => {
    const known = shapes.get(name);
    return [name, known === undefined ? member : asCbor(known, member)];
  });
  return Object.fromEntries(entries);
}

/** What is no base64 stands for no bytes. */
function bytesOf(text: string): Buffer | string {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : text;
}

/** What an answer in CBOR says, as JSON 1.1 says it: bytes as base64, times as seconds. */
export function jsonOf(body: Buffer): unknown {
  return body.length === 0 ? undefined : asJson(cbor.deserialize(body));
}

function asJson(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(asJson);
  if (typeof value !== 'object' || value === null) return value;
  // Its own mark: a map may have these keys too.
  if (tagSymbol in value) return secondsOf(value as unknown as { tag: number; value: unknown });
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, asJson(member)]));
}

function secondsOf({ tag, value }: { tag: number; value: unknown }): number {
  const ms = Number(value);
  // Java reads them as a long.
  if (tag !== 1 || !Number.isInteger(ms))
    throw new Error(`A time must be tag 1 around an integer; it is ${tag}(${value}).`);
  return ms / 1000;
}
