/** PutRecord against a bare node:http server that reads and parses the same requests and stores nothing. */
import type { Listen, Listening } from './bare-server.ts';
import type { Cleanup } from './cleanup.ts';
import { type MatchResult, play } from './contest.ts';
import { type LoadGenerator, serverUnderLoad } from './contestants.ts';
import { startHelper } from './helper.ts';
import { startMillrace } from './millrace.ts';
import { connectionsText, type Plan, PUT_RECORD_CONNECTIONS, SHARDS, sizeText } from './plan.ts';
import { makeRecords } from './records.ts';
import { putRecordRequests, STREAM } from './requests.ts';

/** With `bytes` bytes of data per record. */
export async function benchPutRecord(bytes: number, plan: Plan, cleanup: Cleanup): Promise<MatchResult[]> {
  const millrace = await startMillrace(SHARDS, cleanup);
  const [record] = makeRecords(1, bytes);
  const answer = await millrace.call('PutRecord', {
    StreamName: STREAM,
    PartitionKey: record!.partitionKey,
    Data: record!.data.toString('base64'),
  });
  const bareServer = startHelper<Listen, Listening>('bare-server', cleanup);
  const bare = await bareServer.do({ answer: JSON.stringify(answer) });
  const generator: LoadGenerator = startHelper('load-generator', cleanup);
  const contestant = (port: number, connections: number) => {
    const requests = putRecordRequests(port, bytes);
    return serverUnderLoad(generator, { port, connections, requests: () => requests, weight: 1 });
  };
  const matches = PUT_RECORD_CONNECTIONS.map((connections) => ({
    name: `PutRecord, ${sizeText(bytes)}, ${connectionsText(connections)}`,
    unit: 'requests/s' as const,
    millrace: contestant(millrace.port, connections),
    yardstick: { name: 'bare node:http', ...contestant(bare.port, connections) },
  }));
  return play(matches, plan);
}
