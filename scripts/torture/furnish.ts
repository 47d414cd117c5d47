/** What is done to a world between two loads: its streams are made; an object is deleted as a user may do it. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Bodies } from './bodies.ts';
import { type Client, createClient, FIREHOSE } from './client.ts';
import type { Beginning, Removed } from './history.ts';
import { ACCOUNT, BUCKET, DIRECT, prefixOf, SOURCE, SOURCED, STREAMS, streamArn } from './layout.ts';
import type { Ledger } from './ledger.ts';
import { confirmedPaths } from './observe/database.ts';
import { objectsDirectory, readObject } from './observe/objects.ts';
import { settle } from './observe/settle.ts';
import type { Random } from './random.ts';

const ROLE = `arn:aws:iam::${ACCOUNT}:role/torture`;

/** Makes what is missing of the streams and delivery streams, and waits until all can be used. */
export async function furnish(url: string, compression: Beginning['compression']): Promise<void> {
  const client = createClient(url);
  try {
    for (const { name, shards } of STREAMS)
      await make(client, 'CreateStream', { StreamName: name, ShardCount: shards });
    for (const { name } of STREAMS) await untilActive(client, name);
    await makeDeliveryStreams(client, compression);
  } finally {
    client.close();
  }
}

async function makeDeliveryStreams(client: Client, compression: Beginning['compression']): Promise<void> {
  const destination = (name: string) => ({
    ExtendedS3DestinationConfiguration: {
      RoleARN: ROLE,
      BucketARN: `arn:aws:s3:::${BUCKET}`,
      Prefix: prefixOf(name),
      // As little as AWS takes, so that objects are made during a load.
      BufferingHints: { SizeInMBs: 1, IntervalInSeconds: 0 },
      CompressionFormat: compression,
    },
  });
  await make(client, `${FIREHOSE}.CreateDeliveryStream`, { DeliveryStreamName: DIRECT, ...destination(DIRECT) });
  await make(client, `${FIREHOSE}.CreateDeliveryStream`, {
    DeliveryStreamName: SOURCED,
    DeliveryStreamType: 'KinesisStreamAsSource',
    KinesisStreamSourceConfiguration: { KinesisStreamARN: streamArn(SOURCE), RoleARN: ROLE },
    ...destination(SOURCED),
  });
  for (const name of [DIRECT, SOURCED]) {
    const status = await settle(async () => {
      const { body } = await client.call(`${FIREHOSE}.DescribeDeliveryStream`, { DeliveryStreamName: name });
      return body.DeliveryStreamDescription?.DeliveryStreamStatus;
    }, isActive);
    if (!isActive(status)) throw new Error(`The delivery stream ${name} stays ${status}.`);
  }
}

const isActive = (status: unknown): boolean => status === 'ACTIVE';

/** One that is there already was made by an attempt that was interrupted. */
async function make(client: Client, operation: string, input: object): Promise<void> {
  const { outcome, status, error } = await client.call(operation, input);
  if (outcome === 'ok' || error.includes('ResourceInUseException')) return;
  throw new Error(`${operation} answered ${status}: ${error}`);
}

async function untilActive(client: Client, name: string): Promise<void> {
  const status = await settle(async () => {
    const { body } = await client.call('DescribeStreamSummary', { StreamName: name });
    return body.StreamDescriptionSummary?.StreamStatus;
  }, isActive);
  if (!isActive(status)) throw new Error(`The stream ${name} stays ${status}.`);
}

/** Deletes one of the objects that are delivered, if there is one; returns what the history must know of it. */
export function removeObject(dataDir: string, bodies: Bodies, ledger: Ledger, random: Random): Removed[] {
  const there = confirmedPaths(dataDir).filter(
    (path) => !ledger.removed.some((one) => one.path === path) && existsSync(join(objectsDirectory(dataDir), path)),
  );
  if (there.length === 0) return [];
  const path = random.pick(there);
  const object = readObject(dataDir, path, bodies);
  // What is damaged stays, for the check.
  if (object.restBytes !== 0 || object.bodies.some(({ isIntact }) => !isIntact)) return [];
  rmSync(join(objectsDirectory(dataDir), path));
  return [{ kind: 'removed', path, bodies: object.bodies.map(({ client, counter }) => [client, counter]) }];
}
