/**
 * The tables of records without a server around them: Millrace's own connection settings, schema and checkpointer, and
 * rows whose values were computed beforehand. What better-sqlite3 can do at best with these rows, this table and a commit
 * per batch. Without a checkpointer it would be faster for a while, until the WAL has filled the disk.
 */
import { isUtf8 } from 'node:buffer';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type BetterSqlite3 from 'better-sqlite3';
import { systemClock } from '../../src/clock.ts';
import { Checkpointer } from '../../src/database/checkpointer.ts';
import { openConnection } from '../../src/database/connection.ts';
import { migrate } from '../../src/database/migrate.ts';
import { hexOfPartitionKey } from '../../src/kinesis/hash-key.ts';
import { sequenceNumbersOf } from '../../src/kinesis/sequence-number.ts';
import { createLog } from '../../src/log.ts';
import { VERSION } from '../../src/version.ts';
import { SHARDS } from './plan.ts';
import type { BenchRecord } from './records.ts';

/** The values of a row, except for its position. */
interface Row {
  /** The id of the shard, or of the buffer. */
  readonly shard: number;
  readonly sequenceNumber: string;
  readonly partitionKey: string;
  readonly arrivedMs: number;
  readonly isText: 0 | 1;
  readonly crc32: number;
  readonly data: Buffer;
}

/** Rows grouped by shard, as PutRecords writes them. All of them go to the first shard when there is only one. */
export function rowsOf(records: readonly BenchRecord[], shards: typeof SHARDS | 1): Row[] {
  const nowMs = Date.now();
  const nowS = Math.floor(nowMs / 1000);
  const sequenceNumber = sequenceNumbersOf(nowS, 0).of(1, nowS);
  const rows = records.map(({ partitionKey, data }) => ({
    shard: 1 + Math.floor((Number.parseInt(hexOfPartitionKey(partitionKey).slice(0, 2), 16) * shards) / 256),
    sequenceNumber,
    partitionKey,
    arrivedMs: nowMs,
    isText: isUtf8(data) && !data.includes(0) ? (1 as const) : (0 as const),
    crc32: crc32(data, crc32(partitionKey)),
    data,
  }));
  return rows.sort((a, b) => a.shard - b.shard);
}

/** How a row gets into each of the tables, at a position after rows of `endBytes` bytes together with its own. */
const INSERTS = {
  records: {
    sql: `insert into records (id, sequence_number, partition_key, arrived_ms, is_text, crc32, data)
      values ((? << 40) | ?, ?, ?, ?, ?, ?, ?)`,
    values: ({ shard, sequenceNumber, partitionKey, arrivedMs, isText, crc32, data }: Row, position: number) => [
      shard,
      position,
      sequenceNumber,
      partitionKey,
      arrivedMs,
      isText,
      crc32,
      data,
    ],
  },
  buffered_records: {
    sql: `insert into buffered_records (id, end_bytes, arrived_ms, is_text, crc32, data)
      values ((? << 40) | ?, ?, ?, ?, ?, ?)`,
    values: ({ shard, arrivedMs, isText, crc32, data }: Row, position: number, endBytes: number) => [
      shard,
      position,
      endBytes,
      arrivedMs,
      isText,
      crc32,
      data,
    ],
  },
};

export type TableName = keyof typeof INSERTS;

export class RawTable {
  readonly #handle: BetterSqlite3.Database;
  readonly #checkpointer: Checkpointer;
  readonly #begin: BetterSqlite3.Statement;
  readonly #commit: BetterSqlite3.Statement;
  readonly #insert: BetterSqlite3.Statement;
  readonly #select: BetterSqlite3.Statement;
  readonly #values: (typeof INSERTS)[TableName]['values'];
  #endBytes = 0;
  readonly #positions = new Array<number>(SHARDS + 1).fill(0);

  /** Use `open`. */
  private constructor(handle: BetterSqlite3.Database, table: TableName) {
    this.#handle = handle;
    this.#checkpointer = new Checkpointer({
      handle,
      clock: systemClock,
      log: createLog('warn'),
      room: () => ({ freeBytes: Number.POSITIVE_INFINITY, totalBytes: Number.POSITIVE_INFINITY }),
      onError: fail,
      onFatal: fail,
    });
    this.#begin = handle.prepare('begin immediate');
    this.#commit = handle.prepare('commit');
    this.#insert = handle.prepare(INSERTS[table].sql);
    this.#values = INSERTS[table].values;
    this.#select = handle.prepare(
      `select id & 1099511627775 as position, sequence_number, partition_key, arrived_ms, crc32, data
       from records where id >= (1 << 40) and id < (2 << 40) order by id limit ?`,
    );
  }

  /** Creates the database in `directory`; `table` is the one that rows are inserted into. */
  static async open(directory: string, table: TableName): Promise<RawTable> {
    const handle = openConnection(join(directory, 'raw.db'));
    await migrate(handle, VERSION);
    return new RawTable(handle, table);
  }

  /** As SQLite itself reports them; `synchronous` is 2 for FULL. */
  facts(): { readonly sqliteVersion: string; readonly synchronous: number } {
    return {
      sqliteVersion: this.#handle.prepare('select sqlite_version()').pluck().get() as string,
      synchronous: this.#handle.pragma('synchronous', { simple: true }) as number,
    };
  }

  /** Inserts rows in one transaction: one COMMIT, one fsync. */
  insert(rows: readonly Row[]): void {
    this.#begin.run();
    for (const row of rows) {
      this.#positions[row.shard]! += 1;
      this.#endBytes += row.data.length;
      this.#insert.run(...this.#values(row, this.#positions[row.shard]!, this.#endBytes));
    }
    this.#commit.run();
    this.#checkpointer.committed();
  }

  /** Selects the first `limit` rows of the first shard in `records` and returns how many there are. */
  select(limit: number): number {
    return this.#select.all(limit).length;
  }
}

/** Ends the helper, and with it the benchmark. */
function fail(error: Error): never {
  throw error;
}
