/** AWS JSON 1.1: blobs are base64, timestamps are numbers of seconds. */
import { isUtf8 } from 'node:buffer';
import { decodeBase64 } from './base64.ts';
import type { Codec } from './codec.ts';
import { decodeInput, type ScalarForms, type WireInput } from './decode.ts';
import { serializationException } from './error.ts';
import { writeJson } from './json-writer.ts';
import { readPlainJson } from './plain-json.ts';
import { isWithinLimits } from './value-limits.ts';

const FORMS: ScalarForms = {
  blob: (value) => (typeof value === 'string' ? decodeBase64(value) : undefined),
  timestampMs: (value) => (typeof value === 'number' ? Math.round(value * 1000) : undefined),
};

export const json: Codec = {
  parse: parseJson,
  decode: (shape, value) => decodeInput(shape, value as WireInput, FORMS),
  encode: writeJson,
};

function parseJson(body: Buffer): object {
  if (body.length === 0 || !isUtf8(body) || !isWithinLimits(body)) throw serializationException();
  const value = readPlainJson(body) ?? parsed(body);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw serializationException();
  return value;
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw serializationException();
  }
}
