/** Documents that were given up, as the service writes them into the bucket: a JSON object in a line for each. */

import type { Database } from '../../database/database.ts';
import { type BufferedRecord, recordsAt, recordsOf } from '../buffer-log.ts';
import type { Delivery } from '../deliveries.ts';
import { rejectedAfter, type SearchBatch, searchBatchOf } from './batches.ts';
import { nameOf } from './documents.ts';

const PAGE = 100;

/** The lines of all documents of a batch that were given up, in their order. A function of the rows. */
export function* failedDocuments(delivery: Delivery, database: Database): Generator<Buffer> {
  const batch = searchBatchOf(delivery.id, database);
  let after = 0;
  for (;;) {
    const page = rejectedAfter(delivery.id, after, PAGE, database);
    if (page.length === 0) break;
    const ends = new Map(
      page.map(({ position, attempts, code, message, ended_ms: endedMs }) => [
        position,
        { attempts, code, message, endedMs },
      ]),
    );
    for (const records of recordsAt(delivery.buffer, [...ends.keys()], database)) {
      yield Buffer.from(records.map((record) => lineOf(record, batch, ends.get(record.position)!)).join(''));
    }
    after = page.at(-1)!.position;
  }
  if (batch.unsentCode === null) return;
  const end = {
    attempts: batch.unsentAttempts,
    code: batch.unsentCode,
    message: batch.unsentMessage!,
    endedMs: batch.unsentEndedMs!,
  };
  const unsent = { from: batch.nextPosition, until: delivery.last_position };
  for (const records of recordsOf(delivery.buffer, unsent, database)) {
    yield Buffer.from(records.map((record) => lineOf(record, batch, end)).join(''));
  }
}

interface End {
  readonly attempts: number;
  readonly code: string;
  readonly message: string;
  readonly endedMs: number;
}

/** With the members in the service's order. */
function lineOf(record: BufferedRecord, batch: SearchBatch, { attempts, code, message, endedMs }: End): string {
  const { id, index } = nameOf(record, batch);
  const entry = {
    attemptsMade: attempts,
    arrivalTimestamp: record.arrivedMs,
    errorCode: code,
    errorMessage: message,
    attemptEndingTimestamp: endedMs,
    ...(id === undefined ? {} : { esDocumentId: id }),
    esIndexName: index,
    esTypeName: batch.typeName,
    rawData: record.data.toString('base64'),
  };
  return `${JSON.stringify(entry)}\n`;
}
