/** Short ways through the operations of channels. */
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { openHandle } from '../../src/database/handle.ts';
import { bucketFiles, select } from './firehose.ts';
import type { CallOptions, TestServer } from './server.ts';

export const CHANNEL_ROLE = 'arn:aws:iam::000000000000:role/channels';
const OWNER = '000000000000';

export const streamArn = (name: string) => `arn:aws:kinesis:us-east-1:000000000000:stream/${name}`;

/** Creates an on-demand stream and advances the clock until it is ACTIVE. */
export async function createOnDemand(server: TestServer, name = 's', options?: CallOptions): Promise<void> {
  await server.ok('CreateStream', { StreamName: name, StreamModeDetails: { StreamMode: 'ON_DEMAND' } }, options);
  server.clock.advance(1000);
}

/** Changes the modes of all streams behind the server's back, which is then started anew. */
export async function setMode(server: TestServer, mode: 'PROVISIONED' | 'ON_DEMAND'): Promise<void> {
  const handle = openHandle(join(server.directory, 'millrace.db'), {});
  handle.prepare('update streams set stream_mode = ?').run(mode);
  handle.close();
  await server.restart();
}

export interface ChannelParts {
  readonly stream?: string;
  readonly format?: string;
  readonly storage?: object;
  readonly destination?: object;
  readonly more?: object;
}

/** The input of CreateChannel: the stream `s` into the bucket `b`, records as JSON, unless something else is said. */
export const channelInput = (
  ChannelName: string,
  { stream = 's', format = 'JSON', storage, destination, more }: ChannelParts = {},
) => ({
  ChannelName,
  ServiceExecutionRoleARN: CHANNEL_ROLE,
  StreamConfigurationList: [{ StreamARN: streamArn(stream), RecordConfiguration: { RecordFormatType: format } }],
  S3DestinationConfiguration: {
    StorageConfiguration: {
      BucketARN: 'arn:aws:s3:::b',
      ExpectedBucketOwner: OWNER,
      CompressionType: 'NONE',
      ...storage,
    },
    ...destination,
  },
  ...more,
});

/** Creates a channel and advances the clock until it is ACTIVE. Returns its ARN. */
export async function createChannel(server: TestServer, name: string, parts?: ChannelParts): Promise<string> {
  const { ChannelDescription } = await server.ok('CreateChannel', channelInput(name, parts));
  server.clock.advance(1000);
  return ChannelDescription.ChannelARN;
}

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests, not typed
export async function describeChannel(server: TestServer, ChannelARN: string): Promise<any> {
  return (await server.ok('DescribeChannel', { ChannelARN })).ChannelDescription;
}

/** Puts a record of each of `data`, all with the key `k` unless another is said. */
export async function putInto(
  server: TestServer,
  stream: string,
  data: readonly (string | Buffer)[],
  PartitionKey = 'k',
): Promise<void> {
  const Records = data.map((one) => ({ PartitionKey, Data: Buffer.from(one as string).toString('base64') }));
  await server.ok('PutRecords', { StreamName: stream, Records });
}

/** The lines of all objects that were delivered as `role`, in the order of their planning. */
export function deliveredLines(
  server: TestServer,
  role: 'destination' | 'backup' = 'destination',
  unpack: (content: Buffer) => Buffer = (content) => (content[0] === 0x1f ? gunzipSync(content) : content),
): string[] {
  const paths = select(server, `select path from deliveries where role = '${role}' and path is not null order by id`);
  return paths.flatMap(({ path }: { path: string }) => {
    const [bucket, ...rest] = path.split('/');
    const file = bucketFiles(server, bucket).find((one) => one.path === rest.join('/'));
    if (file === undefined) throw new Error(`The object ${path} is missing.`);
    const text = unpack(file.content).toString();
    if (!text.endsWith('\n')) throw new Error(`The last line of ${path} has no end.`);
    return text.slice(0, -1).split('\n');
  });
}
