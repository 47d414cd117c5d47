/** Records as lines of objects. A reader who splits an object at its line feeds gets every record back. Pure. */
import { isUtf8 } from 'node:buffer';
import type { FeedRecord } from '../kinesis/feed.ts';
import type { LineFormat } from './destinations/lines.ts';
import { unpackedRecords } from './kpl.ts';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BLANK = 0x20;
const END = Buffer.from('\n');

/** Why data makes no line. */
interface Misfit {
  readonly code: string;
  readonly message: string;
}

const NOT_UTF8: Misfit = { code: 'InvalidEncoding', message: 'The record is not text in UTF-8.' };
const NOT_JSON: Misfit = { code: 'InvalidJson', message: 'The record is not one JSON document.' };
const MORE_LINES: Misfit = {
  code: 'LineBreak',
  message: 'The record contains a line feed, which ends a record in an object. BYTE_ARRAY delivers all bytes.',
};

/** The content of a line, or why there is none. */
function contentOf(data: Buffer, format: LineFormat): Buffer | Misfit {
  switch (format) {
    case 'BYTE_ARRAY':
      return Buffer.from(data.toString('base64'));
    case 'STRING':
      if (!isUtf8(data)) return NOT_UTF8;
      return data.includes(LINE_FEED) ? MORE_LINES : data;
    case 'JSON':
      if (!isUtf8(data)) return NOT_UTF8;
      return isJson(data) ? onOneLine(data) : NOT_JSON;
  }
}

function isJson(data: Buffer): boolean {
  try {
    JSON.parse(data.toString());
    return true;
  } catch {
    return false;
  }
}

/** In a JSON document line breaks stand between tokens only, where a blank means the same. */
function onOneLine(data: Buffer): Buffer {
  if (!data.includes(LINE_FEED) && !data.includes(CARRIAGE_RETURN)) return data;
  return Buffer.from(data.map((byte) => (byte === LINE_FEED || byte === CARRIAGE_RETURN ? BLANK : byte)));
}

export interface Lines {
  /** With their ends, in the order of the records. */
  readonly lines: readonly Buffer[];
  /** Lines of JSON about the other records, with their data. */
  readonly deadLetters: readonly Buffer[];
}

/** The lines of records, those that producers packed into one unpacked. */
export function linesOf(records: readonly FeedRecord[], format: LineFormat): Lines {
  const lines: Buffer[] = [];
  const deadLetters: Buffer[] = [];
  for (const record of records) {
    for (const data of unpackedRecords(record.data)) {
      const content = contentOf(data, format);
      if ('code' in content) deadLetters.push(deadLetterOf(record, data, content));
      else lines.push(Buffer.concat([content, END]));
    }
  }
  return { lines, deadLetters };
}

function deadLetterOf(record: FeedRecord, data: Buffer, { code, message }: Misfit): Buffer {
  const entry = {
    arrivalTimestamp: record.arrivedMs,
    errorCode: code,
    errorMessage: message,
    // As GetRecords shows it: a record that was put without one has none.
    partitionKey: record.partitionKey === '' ? undefined : record.partitionKey,
    sequenceNumber: record.sequenceNumber,
    rawData: data.toString('base64'),
  };
  return Buffer.from(`${JSON.stringify(entry)}\n`);
}
