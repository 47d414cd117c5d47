/** A server with a clock that can be moved, one stream and one delivery stream, and what can be asked of them. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from '../scenario.ts';
import { type Server, start } from '../server.ts';
import { ask, eventually } from './api.ts';
import { DATA_FILE } from './damage.ts';
import { MovedClock } from './moved-clock.ts';
import { objectsIn } from './receipts.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

const STREAM = 'clock';
const DELIVERY_STREAM = 'clock-objects';

/** Sweeps and looks at the buffers every second, so that nobody has to wait for a minute. */
const SETTINGS = { SWEEP_SCHEDULE: '* * * * * *' };

export interface ReadRecord {
  readonly number: number;
  readonly sequenceNumber: bigint;
  readonly arrivedMs: number;
}

export class ClockScene {
  readonly clock: MovedClock;
  readonly dataDir: string;
  readonly #context: Context;
  readonly #environment: Readonly<Record<string, string>>;
  #server: Server | undefined;
  #next = 1;
  /** Of everything that was put, in order. */
  readonly sequenceNumbers: bigint[] = [];

  constructor(name: string, context: Context, environment: Readonly<Record<string, string>> = {}) {
    const directory = join(context.directory, name);
    mkdirSync(directory, { recursive: true });
    this.clock = new MovedClock(directory);
    this.dataDir = join(directory, 'data');
    this.#context = context;
    this.#environment = environment;
  }

  get server(): Server {
    if (this.#server === undefined) throw new Error('The server does not run.');
    return this.#server;
  }

  async start(): Promise<void> {
    const { build, cleanup } = this.#context;
    const environment = { ...this.clock.environment, ...this.#environment };
    this.#server = await start({ build, dataDir: this.dataDir, settings: SETTINGS, environment }, cleanup);
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { code } = await this.server.end(signal);
    if (signal === 'SIGTERM' && code !== 0) throw new Error(`The server ended with ${code}: ${this.server.stderr()}`);
    this.#server = undefined;
  }

  /** `intervalS`: when the buffer of the delivery stream is due. */
  async createStreams(intervalS: number): Promise<void> {
    const { url } = this.server;
    await ask(url, 'kinesis', 'CreateStream', { StreamName: STREAM, ShardCount: 1 });
    await ask(url, 'firehose', 'CreateDeliveryStream', {
      DeliveryStreamName: DELIVERY_STREAM,
      ExtendedS3DestinationConfiguration: {
        RoleARN: 'arn:aws:iam::000000000000:role/any',
        BucketARN: 'arn:aws:s3:::clock-bucket',
        BufferingHints: { IntervalInSeconds: intervalS, SizeInMBs: 64 },
      },
    });
    await eventually('the streams take records', () =>
      this.put(1)
        .then(() => this.deliver(1))
        .then(() => true)
        .catch(() => false),
    );
  }

  /** Puts records to the stream and returns their numbers. */
  async put(count: number): Promise<number[]> {
    const numbers = this.#take(count);
    const { Records } = await ask<{ Records: { SequenceNumber: string }[] }>(this.server.url, 'kinesis', 'PutRecords', {
      StreamName: STREAM,
      Records: numbers.map((number) => ({ Data: btoa(`${number}\n`), PartitionKey: `key-${number}` })),
    });
    this.sequenceNumbers.push(...Records.map(({ SequenceNumber }) => BigInt(SequenceNumber)));
    return numbers;
  }

  /** Puts records to the delivery stream and returns their numbers. */
  async deliver(count: number): Promise<number[]> {
    const numbers = this.#take(count);
    await ask(this.server.url, 'firehose', 'PutRecordBatch', {
      DeliveryStreamName: DELIVERY_STREAM,
      Records: numbers.map((number) => ({ Data: btoa(`${number}\n`) })),
    });
    return numbers;
  }

  #take(count: number): number[] {
    return Array.from({ length: count }, () => this.#next++);
  }

  /** @throws ErrorAnswer such as InvalidArgumentException */
  async iterator(position: object = { ShardIteratorType: 'TRIM_HORIZON' }): Promise<string> {
    const { ShardIterator } = await ask<{ ShardIterator: string }>(this.server.url, 'kinesis', 'GetShardIterator', {
      StreamName: STREAM,
      ShardId: 'shardId-000000000000',
      ...position,
    });
    return ShardIterator;
  }

  /** The records from an iterator on; all that are in the stream when it is absent. */
  async read(iterator?: string): Promise<ReadRecord[]> {
    interface Answer {
      readonly Records: readonly { Data: string; SequenceNumber: string; ApproximateArrivalTimestamp: number }[];
      readonly NextShardIterator: string;
      readonly MillisBehindLatest: number;
    }
    const records: ReadRecord[] = [];
    let next = iterator ?? (await this.iterator());
    for (;;) {
      const answer = await ask<Answer>(this.server.url, 'kinesis', 'GetRecords', { ShardIterator: next });
      for (const { Data, SequenceNumber, ApproximateArrivalTimestamp } of answer.Records) {
        const arrivedMs = Math.round(ApproximateArrivalTimestamp * 1000);
        records.push({ number: Number(atob(Data)), sequenceNumber: BigInt(SequenceNumber), arrivedMs });
      }
      if (answer.Records.length === 0 && answer.MillisBehindLatest === 0) return records;
      next = answer.NextShardIterator;
    }
  }

  /** Rows in the table of records, expired ones included; of one record when `number` is given. */
  rows(number?: number): number {
    const where = number === undefined ? '' : ` where partition_key = 'key-${number}'`;
    return this.#count(`select count(*) from records${where}`);
  }

  /** Buffered data that was given up, and the like. */
  incidents(): number {
    return this.#count('select count(*) from incidents');
  }

  #count(sql: string): number {
    const file = join(this.dataDir, DATA_FILE);
    const { stdout, stderr } = spawnSync('sqlite3', ['-init', '/dev/null', '-readonly', file, sql], {
      encoding: 'utf8',
    });
    const count = Number.parseInt(stdout, 10);
    if (Number.isNaN(count)) throw new Error(`sqlite3 failed: ${stderr}`);
    return count;
  }

  /** The numbers that are in objects; one that is in objects twice is there twice. */
  delivered(): number[] {
    return [...objectsIn(this.dataDir).values()].flatMap((bytes) =>
      bytes.toString('latin1').trim().split('\n').map(Number),
    );
  }

  /** Processor time that the server has taken since its start. */
  cpuMs(): number {
    const stat = readFileSync(`/proc/${this.server.pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Fields 14 and 15 of proc(5), of which two are cut off here; in hundredths of a second.
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }
}
