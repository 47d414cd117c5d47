/**
 * Enhanced fan-out with every SDK: programs subscribe to the shards of a stream, each as a consumer of its own, while it
 * is put to, resharded, and its server killed and started again. They print `<shard> <sequence number> <data>` for each
 * record, `<shard> end <children>` when a shard has ended, `<shard> again <why>` when they must subscribe anew; after a
 * shard they follow its children, and a record `end` tells them that its shard is not put to any more. Those that are
 * made first run with `npm run test:clients`.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { FAN_OUT_PROGRAMS, prepare, runProgram } from '../support/client-program.ts';
import { type RunningMillrace, startMillrace } from '../support/process.ts';
import { temporaryDirectory } from '../support/server.ts';
import { createWireClient, type WireClient } from '../support/wire.ts';

const ALL = process.env.CLIENTS === 'all';

/** What runs without CLIENTS=all: made of nothing. */
const QUICK = ['JavaScript SDK v3', 'boto3'];

const STREAM = 'fan-out';
const WRITERS = 2;
const KEYS_PER_WRITER = 20;

/** So often each program prints before the next thing happens; it may be late with what was put before the last. */
const OUTPUTS = 12;
const ENVIRONMENT = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'us-east-1' };

/** A server that can be killed and comes back on its port and its data. */
async function startKillable() {
  const settings = { DATA_DIR: temporaryDirectory(), TRANSITION_MS: '150', INITIALIZE_STREAMS: `${STREAM}:2` };
  let millrace: RunningMillrace = await startMillrace(settings);
  const { url } = millrace;
  return {
    url,
    async killAndStart() {
      await millrace.kill('SIGKILL');
      millrace = await startMillrace({ ...settings, PORT: new URL(url).port });
    },
  };
}

/** What writers have put: what was acknowledged, and what may have been when the connection broke. */
interface Written {
  readonly acknowledged: string[];
  readonly unknown: string[];
}

/** Puts `<key>:<count>` under each of its keys in turns until it is told to stop. */
async function write(writer: number, url: string, written: Written, isOver: () => boolean): Promise<void> {
  const client = createWireClient(url);
  for (let count = 0; !isOver(); count++) {
    const bodies = Array.from({ length: KEYS_PER_WRITER }, (_, n) => ({ key: `key-${writer}-${n}`, count }));
    const answer = await client.send('PutRecords', {
      StreamName: STREAM,
      Records: bodies.map(({ key, count }) => ({
        PartitionKey: key,
        Data: Buffer.from(`${key}:${count}`).toString('base64'),
      })),
    });
    expect(answer?.FailedRecordCount ?? 0).toBe(0);
    const outcome = answer === undefined ? written.unknown : written.acknowledged;
    outcome.push(...bodies.map(({ key, count }) => `${key}:${count}`));
    await pause(answer === undefined ? 50 : 5);
  }
  client.close();
}

interface ListedShard {
  readonly ShardId: string;
  readonly HashKeyRange: { readonly StartingHashKey: string; readonly EndingHashKey: string };
  readonly SequenceNumberRange: { readonly EndingSequenceNumber?: string };
}

/** By hash key range, ascending. */
async function openShards(client: WireClient) {
  const { Shards } = await client.send('ListShards', { StreamName: STREAM });
  const open = (Shards as readonly ListedShard[]).filter((shard) => !shard.SequenceNumberRange.EndingSequenceNumber);
  const shards = open.map(({ ShardId, HashKeyRange: { StartingHashKey, EndingHashKey } }) => ({
    id: ShardId,
    start: BigInt(StartingHashKey),
    end: BigInt(EndingHashKey),
  }));
  return shards.sort((one, other) => (one.start < other.start ? -1 : 1));
}

async function untilActive(client: WireClient): Promise<void> {
  for (;;) {
    const { StreamDescriptionSummary } = await client.send('DescribeStreamSummary', { StreamName: STREAM });
    if (StreamDescriptionSummary.StreamStatus === 'ACTIVE') return;
    await pause(20);
  }
}

async function untilConsumersAreActive(client: WireClient, count: number): Promise<void> {
  const { StreamDescriptionSummary } = await client.send('DescribeStreamSummary', { StreamName: STREAM });
  for (;;) {
    const { Consumers } = await client.send('ListStreamConsumers', { StreamARN: StreamDescriptionSummary.StreamARN });
    const active = Consumers.filter(({ ConsumerStatus }: Record<string, string>) => ConsumerStatus === 'ACTIVE');
    if (active.length === count) return;
    await pause(20);
  }
}

/** Two shards become four, one of them two with a kill in between, and two of the five one; puts go on all the while. */
async function reshardAndKill(
  url: string,
  killAndStart: () => Promise<void>,
  untilAllHaveRead: () => Promise<void>,
): Promise<void> {
  const client = createWireClient(url);
  await untilAllHaveRead();
  await client.send('UpdateShardCount', {
    StreamName: STREAM,
    TargetShardCount: 4,
    ScalingType: 'UNIFORM_SCALING',
  });
  await untilActive(client);
  await untilAllHaveRead();
  const [first] = await openShards(client);
  const middle = String((first!.start + first!.end) / 2n);
  await client.send('SplitShard', { StreamName: STREAM, ShardToSplit: first!.id, NewStartingHashKey: middle });
  await killAndStart();
  client.close();

  const again = createWireClient(url);
  await untilActive(again);
  await untilAllHaveRead();
  const [, , one, other] = await openShards(again);
  await again.send('MergeShards', { StreamName: STREAM, ShardToMerge: one!.id, AdjacentShardToMerge: other!.id });
  await untilActive(again);
  await untilAllHaveRead();
  again.close();
}

async function putEnds(client: WireClient): Promise<void> {
  const Data = Buffer.from('end').toString('base64');
  for (const { start } of await openShards(client)) {
    await client.send('PutRecord', { StreamName: STREAM, PartitionKey: 'end', ExplicitHashKey: String(start), Data });
  }
}

interface Reading {
  readonly records: readonly { readonly shard: string; readonly number: bigint; readonly body: string }[];
  readonly ends: ReadonlyMap<string, string>;
  readonly interruptions: number;
}

function readingOf(lines: readonly string[]): Reading {
  const words = lines.map((line) => line.split(' '));
  return {
    records: words.flatMap(([shard, number, body]) =>
      /^\d+$/.test(number!) ? [{ shard: shard!, number: BigInt(number!), body: body! }] : [],
    ),
    ends: new Map(words.flatMap(([shard, what, children]) => (what === 'end' ? [[shard!, children!]] : []))),
    interruptions: words.filter(([, what]) => what === 'again').length,
  };
}

function expectOnceAndInOrder({ records }: Reading, { acknowledged, unknown }: Written, reader: string): void {
  const bodies = records.map(({ body }) => body);
  const read = new Set<string>();
  const repeated = bodies.filter((body) => read.size === read.add(body).size);
  const missing = acknowledged.filter((body) => !read.has(body));
  const put = new Set([...acknowledged, ...unknown]);
  const invented = bodies.filter((body) => !put.has(body));
  expect({ repeated, missing, invented }, reader).toEqual({ repeated: [], missing: [], invented: [] });

  const lastByKey = new Map<string, number>();
  const lastByShard = new Map<string, bigint>();
  for (const { shard, number, body } of records) {
    const [key, count] = body.split(':');
    expect(Number(count), `${key} over the lineage of its shard`).toBeGreaterThan(lastByKey.get(key!) ?? -1);
    lastByKey.set(key!, Number(count));
    expect(number > (lastByShard.get(shard) ?? 0n), `sequence numbers of ${shard} strictly increase`).toBe(true);
    lastByShard.set(shard, number);
  }
}

describe('enhanced fan-out', { timeout: 1_000_000 }, () => {
  it('gives every consumer each record once, over reshards, a kill and a restart', async ({ skip }) => {
    const wanted = FAN_OUT_PROGRAMS.filter(({ name }) => ALL || QUICK.includes(name));
    const programs = [];
    const absent = [];
    for (const program of wanted) {
      const reason = await prepare(program);
      if (reason === undefined) programs.push(program);
      else absent.push(`${program.name}: ${reason}`);
    }
    if (absent.length > 0) process.stdout.write(`Enhanced fan-out without ${absent.join('; ')}\n`);
    if (programs.length === 0) skip(absent.join('; '));

    const { url, killAndStart } = await startKillable();
    const outputs = programs.map(() => 0);
    const runs = programs.map((program, n) =>
      runProgram(program, [url, STREAM, `consumer-${n}`], ENVIRONMENT, () => outputs[n]!++),
    );
    /** Until each has read on for a while: whatever comes next happens to subscriptions that are in progress. */
    const untilAllHaveRead = async () => {
      const before = [...outputs];
      while (outputs.some((count, n) => count < before[n]! + OUTPUTS)) await pause(10);
    };
    const client = createWireClient(url);
    const ended = Promise.race(runs).then(({ said }) => Promise.reject(new Error(`A program has ended: ${said}`)));
    await Promise.race([untilConsumersAreActive(client, programs.length), ended]);
    let isOver = false;
    const written: Written = { acknowledged: [], unknown: [] };
    const writing = Array.from({ length: WRITERS }, (_, n) => write(n, url, written, () => isOver));
    await Promise.race([reshardAndKill(url, killAndStart, untilAllHaveRead), ended]);
    ended.catch(() => undefined);
    isOver = true;
    await Promise.all(writing);
    const last = createWireClient(url);
    await putEnds(last);
    last.close();
    client.close();

    expect(written.acknowledged.length, 'enough was put to tell something').toBeGreaterThan(500);
    for (const [n, program] of programs.entries()) {
      const { passed, said } = await runs[n]!;
      const reading = readingOf(passed);
      expectOnceAndInOrder(reading, written, `${program.name} ${said}`);
      expect(reading.interruptions, `${program.name} was subscribed when the server was killed`).toBeGreaterThan(0);
      const ends = [...reading.ends].sort();
      // 0 and 1 become 2 to 5; one of these is split into 6 and 7, two others are merged into 8.
      expect(ends.length, `${program.name} has met the ends of ${JSON.stringify(ends)}`).toBe(5);
      const children = new Set(ends.flatMap(([, ids]) => ids.split(',')));
      expect(children.size, `${program.name} followed ${[...children]}`).toBe(7);
    }
  });
});
