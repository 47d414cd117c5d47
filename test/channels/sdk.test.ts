/** The newest SDK for JavaScript makes, waits for, lists, changes and deletes a channel. */
import {
  CreateChannelCommand,
  DeleteChannelCommand,
  KinesisClient,
  paginateListChannels,
  UpdateChannelCommand,
  waitUntilChannelActive,
} from '@aws-sdk/client-kinesis';
import { expect, it } from 'vitest';
import { channelInput, createOnDemand, streamArn } from '../support/channels.ts';
import { startTestServer } from '../support/server.ts';

it('goes through the life of a channel', async () => {
  const server = await startTestServer();
  await createOnDemand(server);
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const client = new KinesisClient({ endpoint: server.url, region: 'us-east-1', credentials });
  const input = channelInput('c') as CreateChannelCommand['input'];
  const { ChannelDescription } = await client.send(new CreateChannelCommand(input));
  const { ChannelARN, ChannelCreationTimestamp } = ChannelDescription!;
  expect(ChannelCreationTimestamp).toEqual(new Date(Math.floor(server.clock.now() / 1000) * 1000));
  server.clock.advance(1000);
  await waitUntilChannelActive({ client, maxWaitTime: 5, minDelay: 0.01, maxDelay: 0.1 }, { ChannelARN });
  await client.send(new CreateChannelCommand({ ...input, ChannelName: 'd' }));
  const { StreamCreationTimestamp } = ChannelDescription!.StreamConfigurationList![0]!;
  const StreamFilter = [{ StreamARN: streamArn('s'), StreamCreationTimestamp }];
  const names: string[] = [];
  for await (const page of paginateListChannels({ client, pageSize: 1 }, { StreamFilter })) {
    names.push(...page.ChannelSummaries!.map(({ ChannelName }) => ChannelName!));
  }
  expect(names).toEqual(['c', 'd']);
  const update = { ChannelARN, S3DestinationConfiguration: { DataFreshnessInSeconds: 60 } };
  const updated = await client.send(new UpdateChannelCommand(update));
  expect(updated.ChannelDescription!.S3DestinationConfiguration!.DataFreshnessInSeconds).toBe(60);
  await client.send(new DeleteChannelCommand({ ChannelARN }));
  client.destroy();
});
