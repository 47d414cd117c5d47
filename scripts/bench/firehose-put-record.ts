/** Firehose's PutRecord against a bare node:http server that reads and parses the same requests and stores nothing. */
import type { Listen, Listening } from './bare-server.ts';
import type { Cleanup } from './cleanup.ts';
import { type MatchResult, play } from './contest.ts';
import { type LoadGenerator, serverUnderLoad } from './contestants.ts';
import { startDeliveryStream } from './delivery-stream.ts';
import { startHelper } from './helper.ts';
import { FIREHOSE_PUT_RECORD_CONNECTIONS as connections, connectionsText, type Plan, sizeText } from './plan.ts';
import { makeRecords } from './records.ts';
import { FIREHOSE, firehosePutRecordRequests, STREAM } from './requests.ts';

/** With `bytes` bytes of data per record. */
export async function benchFirehosePutRecord(bytes: number, plan: Plan, cleanup: Cleanup): Promise<MatchResult[]> {
  const millrace = await startDeliveryStream('UNCOMPRESSED', cleanup);
  const answer = await millrace.call(`${FIREHOSE}.PutRecord`, {
    DeliveryStreamName: STREAM,
    Record: { Data: makeRecords(1, bytes)[0]!.data.toString('base64') },
  });
  const bareServer = startHelper<Listen, Listening>('bare-server', cleanup);
  const bare = await bareServer.do({ answer: JSON.stringify(answer) });
  const generator: LoadGenerator = startHelper('load-generator', cleanup);
  const contestant = (port: number) => {
    const requests = firehosePutRecordRequests(port, bytes);
    return serverUnderLoad(generator, { port, connections, requests: () => requests, weight: 1 });
  };
  const match = {
    name: `PutRecord (Firehose), ${sizeText(bytes)}, ${connectionsText(connections)}`,
    unit: 'records/s' as const,
    millrace: contestant(millrace.port),
    yardstick: { name: 'bare node:http', ...contestant(bare.port) },
  };
  return play([match], plan);
}
