/** The AWS SDK for JavaScript v3, unchanged, against the running program. */
import {
  ConcurrentModificationException,
  CreateDeliveryStreamCommand,
  DeleteDeliveryStreamCommand,
  DescribeDeliveryStreamCommand,
  FirehoseClient,
  type FirehoseClientConfig,
  InvalidArgumentException,
  ListDeliveryStreamsCommand,
  ListTagsForDeliveryStreamCommand,
  PutRecordBatchCommand,
  PutRecordCommand,
  ResourceNotFoundException,
  StartDeliveryStreamEncryptionCommand,
  TagDeliveryStreamCommand,
  UpdateDestinationCommand,
} from '@aws-sdk/client-firehose';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ROLE } from '../support/firehose.ts';
import { deliveredObjects } from '../support/firehose-objects.ts';
import { realLines } from '../support/lines.ts';
import { startMillrace } from '../support/process.ts';
import { temporaryDirectory } from '../support/server.ts';

const LINES = Number(process.env.CLIENT_LINES ?? 1000);
const name = { DeliveryStreamName: 'logs' };
const S3 = { RoleARN: ROLE, BucketARN: 'arn:aws:s3:::logs' };

function newClient(endpoint: string, more: Partial<FirehoseClientConfig> = {}): FirehoseClient {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const client = new FirehoseClient({ endpoint, region: 'us-east-1', credentials, ...more });
  onTestFinished(() => client.destroy());
  return client;
}

async function untilActive(client: FirehoseClient) {
  for (;;) {
    const { DeliveryStreamDescription } = await client.send(new DescribeDeliveryStreamCommand(name));
    if (DeliveryStreamDescription!.DeliveryStreamStatus === 'ACTIVE') return DeliveryStreamDescription!;
  }
}

describe.each<[string, () => Partial<FirehoseClientConfig>]>([
  ['default handler', () => ({})],
  ['NodeHttpHandler (HTTP/1.1)', () => ({ requestHandler: new NodeHttpHandler() })],
])('JS SDK with %s', (_title, handler) => {
  it(`creates, puts ${LINES} lines, updates, tags, encrypts and deletes`, { timeout: 60_000 }, async () => {
    const directory = temporaryDirectory();
    const millrace = await startMillrace({ DATA_DIR: directory, TRANSITION_MS: '50' });
    const client = newClient(millrace.url, handler());
    const { DeliveryStreamARN } = await client.send(
      new CreateDeliveryStreamCommand({ ...name, ExtendedS3DestinationConfiguration: S3 }),
    );
    expect(DeliveryStreamARN).toBe('arn:aws:firehose:us-east-1:000000000000:deliverystream/logs');
    const { CreateTimestamp, VersionId } = await untilActive(client);
    expect(CreateTimestamp).toBeInstanceOf(Date);

    const lines = realLines(LINES).map((line) => `${line}\n`);
    for (let from = 0; from < LINES; from += 500) {
      const Records = lines.slice(from, from + 500).map((line) => ({ Data: Buffer.from(line) }));
      const { FailedPutCount, RequestResponses } = await client.send(new PutRecordBatchCommand({ ...name, Records }));
      expect([FailedPutCount, RequestResponses!.length]).toEqual([0, 500]);
    }
    const { RecordId } = await client.send(
      new PutRecordCommand({ ...name, Record: { Data: new Uint8Array([0, 255]) } }),
    );
    expect(RecordId).toHaveLength(224);

    await client.send(new TagDeliveryStreamCommand({ ...name, Tags: [{ Key: 'team', Value: 'a' }] }));
    const { Tags } = await client.send(new ListTagsForDeliveryStreamCommand(name));
    expect(Tags).toEqual([{ Key: 'team', Value: 'a' }]);
    await client.send(new StartDeliveryStreamEncryptionCommand(name));
    await client.send(
      new UpdateDestinationCommand({
        ...name,
        CurrentDeliveryStreamVersionId: VersionId!,
        DestinationId: 'destinationId-000000000001',
        ExtendedS3DestinationUpdate: { BufferingHints: { IntervalInSeconds: 0 } },
      }),
    );
    const { DeliveryStreamNames, HasMoreDeliveryStreams } = await client.send(new ListDeliveryStreamsCommand({}));
    expect([DeliveryStreamNames, HasMoreDeliveryStreams]).toEqual([['logs'], false]);

    const flush = await fetch(`${millrace.url}/_millrace/delivery-streams/logs/flush`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
    });
    expect(flush.status).toBe(200);
    await client.send(new DeleteDeliveryStreamCommand(name));
    await millrace.kill('SIGTERM');
    const content = Buffer.concat(deliveredObjects(directory).map((object) => object.content));
    expect(content.equals(Buffer.concat([Buffer.from(lines.join('')), Buffer.from([0, 255])]))).toBe(true);
  });

  it('gets typed errors', async () => {
    const { url } = await startMillrace({ DATA_DIR: temporaryDirectory(), TRANSITION_MS: '0' });
    const client = newClient(url, handler());
    const Record = { Data: Buffer.from('a') };
    await expect(client.send(new PutRecordCommand({ ...name, Record }))).rejects.toThrow(ResourceNotFoundException);
    await expect(client.send(new CreateDeliveryStreamCommand(name))).rejects.toThrow(InvalidArgumentException);
    await client.send(new CreateDeliveryStreamCommand({ ...name, S3DestinationConfiguration: S3 }));
    const update = new UpdateDestinationCommand({
      ...name,
      CurrentDeliveryStreamVersionId: '7',
      DestinationId: 'destinationId-000000000001',
      S3DestinationUpdate: {},
    });
    await expect(client.send(update)).rejects.toThrow(ConcurrentModificationException);
    const tooLarge = client.send(new PutRecordCommand({ ...name, Record: { Data: Buffer.alloc(1_024_001) } }));
    await expect(tooLarge).rejects.toMatchObject({ name: 'ValidationException', $fault: 'client' });
  });
});
