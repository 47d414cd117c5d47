/** AWS JSON 1.1: blobs are base64, timestamps are numbers of seconds. */
import { isUtf8 } from 'node:buffer';
import { decodeBase64 } from './base64.ts';
import type { Codec } from './codec.ts';
import { decodeInput, type ScalarForms, type WireInput } from './decode.ts';
import { serializationException } from './error.ts';
import { isWithinLimits } from './value-limits.ts';
import type { WireStructure, WireValue } from './wire-value.ts';

const FORMS: ScalarForms = {
  blob: (value) => (typeof value === 'string' ? decodeBase64(value) : undefined),
  timestampMs: (value) => (typeof value === 'number' ? Math.round(value * 1000) : undefined),
};

export const json: Codec = {
  parse: parseJson,
  decode: (shape, value) => decodeInput(shape, value as WireInput, FORMS),
  encode: (value) => appended('', value),
};

function parseJson(body: Buffer): object {
  if (body.length === 0 || !isUtf8(body) || !isWithinLimits(body)) throw serializationException();
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    throw serializationException();
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw serializationException();
  return value;
}

/** One text that grows: joining the texts of ten thousand records would copy them once more. */
function appended(text: string, value: WireValue): string {
  switch (typeof value) {
    case 'string':
      return text + JSON.stringify(value);
    case 'object':
      return appendedObject(text, value);
    default:
      return text + String(value);
  }
}

function appendedObject(text: string, value: WireValue & object): string {
  // base64 has no character that JSON would escape.
  if (Buffer.isBuffer(value)) return `${text}"${value.toString('base64')}"`;
  if (value instanceof Date) return text + String(value.getTime() / 1000);
  return Array.isArray(value) ? appendedList(text, value) : appendedStructure(text, value as WireStructure);
}

function appendedList(start: string, values: readonly WireValue[]): string {
  let text = `${start}[`;
  for (let index = 0; index < values.length; index += 1) {
    if (index > 0) text += ',';
    text = appended(text, values[index]);
  }
  return `${text}]`;
}

function appendedStructure(start: string, structure: WireStructure): string {
  let text = `${start}{`;
  let separator = '';
  for (const name in structure) {
    const member = structure[name];
    if (member === undefined) continue;
    text = appended(`${text}${separator}${quoted(name)}:`, member);
    separator = ',';
  }
  return `${text}}`;
}

/** Names of members are plain words; the keys of maps may be anything. */
const quoted = (name: string): string => (/^\w+$/.test(name) ? `"${name}"` : JSON.stringify(name));
