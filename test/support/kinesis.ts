/** Short ways through the API that many tests need. */
import { join } from 'node:path';
import { openHandle } from '../../src/database/handle.ts';
import type { TestServer } from './server.ts';

export interface ReadRecord {
  readonly SequenceNumber: string;
  readonly Data: string;
  readonly PartitionKey: string;
  readonly ApproximateArrivalTimestamp: number;
}

/** An iterator; `more` are further members of the request. The shard is the first unless `more` names one. */
export async function shardIterator(
  server: TestServer,
  stream: string,
  type: string,
  more: object = {},
): Promise<string> {
  const input = { StreamName: stream, ShardId: 'shardId-000000000000', ShardIteratorType: type, ...more };
  return (await server.ok('GetShardIterator', input)).ShardIterator;
}

/** Every record of a shard that can be read now. */
export async function readShard(server: TestServer, stream: string, ShardId: string): Promise<ReadRecord[]> {
  const records: ReadRecord[] = [];
  for (let iterator = await shardIterator(server, stream, 'TRIM_HORIZON', { ShardId }); iterator; ) {
    const page = await server.ok('GetRecords', { ShardIterator: iterator });
    if (page.Records.length === 0) break;
    records.push(...page.Records);
    iterator = page.NextShardIterator;
  }
  return records;
}

/** The StreamId, which no answer tells. */
export function streamIdOf({ directory }: TestServer, stream: string, account = '000000000000'): string {
  const handle = openHandle(join(directory, 'millrace.db'), { readonly: true });
  try {
    const ids = handle.prepare('select stream_id from streams where name = ? and account_id = ? order by id desc');
    return ids.pluck().get(stream, account) as string;
  } finally {
    handle.close();
  }
}
