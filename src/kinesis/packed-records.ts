/**
 * Many records in one value. better-sqlite3 takes longer to make an object and a Buffer of a row than SQLite takes to
 * find it, and leaves thousands of them to be collected; so SQLite joins the records of a chunk, and they are taken
 * apart here. Each is packed as
 *
 *     position checksum bytesOfKey bytesOfData key data number arrival
 *
 * with a space behind every number, and nothing behind the key and the data, whose lengths are known. The key, the data,
 * the number and the arrival stand as they are checksummed.
 */
import { crc32 } from 'node:zlib';
import { sql } from 'kysely';
import type { Database } from '../database/database.ts';
import { atMost, type Bind, query } from '../database/query.ts';
import { idOf, positionOfId } from './record-rows.ts';

interface Range {
  shard: number;
  from: number;
  limit: number;
}

/**
 * However large the records are that follow small ones, a chunk holds no more data than this: what exceeds its share is
 * left out, and fetched by itself. Copying that costs more than the statement. It is more than the largest record has.
 */
const CHUNK_DATA_BYTES_MAX = 16 * 1024 * 1024;

// The rows come in the order of the inner query; sorting them once more for the aggregate would cost as much as all of
// the rest, and `read` would notice. concat() takes a NULL, which only damage can have brought, for an empty text.
const selectPacked = query((bind: Bind<Range & { dataBytesMax: number }>, db) =>
  db
    .selectFrom((inner) =>
      inner
        .selectFrom('records')
        .select(
          sql<string>`concat(
            ${positionOfId}, ' ', crc32, ' ', octet_length(partition_key), ' ', length(data), ' ', partition_key,
            case when length(data) <= ${bind('dataBytesMax')} then data end, sequence_number, ' ', arrived_ms, ' '
          )`.as('packed'),
        )
        .where('id', '>=', idOf(bind, bind('from')))
        .where('id', '<', sql<number>`(${bind('shard')} + 1) << 40`)
        .orderBy('id')
        .limit(atMost(bind('limit')))
        .as('chunk'),
    )
    .select(sql<Buffer | null>`cast(group_concat(packed, '') as blob)`.as('bytes')),
);

/** A record as it was packed. Nothing of it may be believed before `isIntact` was asked. */
export class PackedRecord {
  readonly position: number;
  /** Of the data and the UTF-8 of the partition key. */
  readonly contentBytes: number;
  readonly arrivedMs: number;
  /** Its data was left out because it is large; `chunkOf` gives it to whoever asks for this record alone. */
  readonly isCut: boolean;
  /** Where it ends in the bytes of its chunk. */
  readonly end: number;
  readonly #chunk: Buffer;
  readonly #checksum: number;
  readonly #keyAt: number;
  readonly #dataAt: number;
  readonly #numberAt: number;
  readonly #numberEnd: number;

  constructor(chunk: Buffer, start: number, dataBytesMax: number) {
    let at = start;
    /** The next number, and the space behind it. */
    const number = () => {
      let value = 0;
      for (let digit = chunk[at]! - 48; digit >= 0; digit = chunk[at]! - 48) {
        value = value * 10 + digit;
        at += 1;
      }
      at += 1;
      return value;
    };
    this.#chunk = chunk;
    this.position = number();
    this.#checksum = number();
    const keyBytes = number();
    const dataBytes = number();
    this.contentBytes = keyBytes + dataBytes;
    this.isCut = dataBytes > dataBytesMax;
    this.#keyAt = at;
    this.#dataAt = at + keyBytes;
    this.#numberAt = this.#dataAt + (this.isCut ? 0 : dataBytes);
    const numberEnd = chunk.indexOf(SPACE, this.#numberAt);
    this.#numberEnd = numberEnd === -1 ? chunk.length : numberEnd;
    at = this.#numberEnd + 1;
    this.arrivedMs = number();
    this.end = at;
  }

  get sequenceNumber(): string {
    return this.#chunk.toString('latin1', this.#numberAt, this.#numberEnd);
  }

  get partitionKey(): string {
    return this.#chunk.toString('utf8', this.#keyAt, this.#dataAt);
  }

  /** Shares the memory of the chunk. */
  get data(): Buffer {
    return this.#chunk.subarray(this.#dataAt, this.#numberAt);
  }

  /** Whether it is what was appended. */
  get isIntact(): boolean {
    // All that the checksum is of stands together, and in its order.
    if (crc32(this.#chunk.subarray(this.#keyAt, this.end - 1)) === this.#checksum) return true;
    // Rows of earlier schemas have the checksum of their content alone.
    return crc32(this.#chunk.subarray(this.#keyAt, this.#numberAt)) === this.#checksum;
  }
}

const SPACE = 0x20;

/** At most `limit` records of a shard (by row id) from the position `from` on, in order. */
export function chunkOf(range: Range, database: Database): PackedRecord[] {
  const dataBytesMax = Math.floor(CHUNK_DATA_BYTES_MAX / range.limit);
  const bytes = database.get(selectPacked, { ...range, dataBytesMax })!.bytes;
  return bytes === null ? [] : unpacked(bytes, dataBytesMax);
}

function unpacked(bytes: Buffer, dataBytesMax: number): PackedRecord[] {
  const records: PackedRecord[] = [];
  for (let at = 0; at < bytes.length; ) {
    const record = new PackedRecord(bytes, at, dataBytesMax);
    records.push(record);
    at = record.end;
  }
  return records;
}
