/** CreateChannel. */
import type { Call } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import { beginHosted } from '../firehose/hosted-deliveries.ts';
import { channelCount } from '../kinesis/account-limits.ts';
import { invalidArgument, KMS_ERRORS, notActiveOrUpdating } from '../kinesis/errors.ts';
import { requireStream, type Stream, statusOf as streamStatusOf } from '../kinesis/stream-store.ts';
import { saveTags } from '../kinesis/tags.ts';
import { operation } from '../protocol/operation.ts';
import { quotaHint } from '../quotas.ts';
import { type ChannelName, channelOf, deliveryNameOf, describe, hasChannel } from './channel-store.ts';
import { type Configuration, linesOf, settingsOf } from './configuration.ts';
import { channelExists, notOnDemand, tooManyChannels } from './errors.ts';
import { createChannelInput } from './shapes.ts';

export const CreateChannel = operation({
  access: 'write',
  input: createChannelInput,
  rate: 'channelCallsPerSecond',
  errors: [
    'AccessDeniedException',
    'InvalidArgumentException',
    ...KMS_ERRORS,
    'LimitExceededException',
    'ResourceInUseException',
    'ResourceNotFoundException',
    'ValidationException',
  ],
  run(input, call) {
    const { account, region, now } = call;
    const name = { account, region, name: input.ChannelName };
    if (hasChannel(name, call)) throw channelExists(name);
    assertRoom(call);
    const channelId = call.clock.randomUuid();
    const settings = settingsOf(input, { name: name.name, channelId }, call);
    const stream = requireReadable(input.StreamConfigurationList[0]!.StreamARN, call);
    const configuration: Configuration = { ...settings, stream: { arn: stream.arn, createdMs: stream.createdMs } };
    const delivery = {
      streamArn: stream.arn,
      roleArn: input.ServiceExecutionRoleARN,
      lines: linesOf(settings, name.name),
    };
    call.database.insert(insertChannel, {
      ...name,
      channelId,
      stream: stream.id,
      deliveryStream: beginHosted(deliveryNameOf(channelId), delivery, call),
      configuration: JSON.stringify(configuration),
      createdMs: now,
      activeMs: now + call.transitionMs,
    });
    // Former channels of the name end here at the latest: even if the clock goes back, they do not come back.
    call.database.run(endFormer, name);
    const channel = channelOf(call.database.get(selectNew, { channelId })!);
    saveTags(channel.arn, input.Tags ?? new Map(), call);
    return { ChannelDescription: describe(channel, now) };
  },
});

function assertRoom(call: Call): void {
  const { quotas } = call;
  const count = channelCount(call);
  if (count < quotas.channels) return;
  const hint = quotaHint(quotas, 'channels', count + 1);
  throw tooManyChannels(call, { count, limit: quotas.channels, hint });
}

/** @throws ApiError when there is no such stream, or none that channels read */
function requireReadable(arn: string, call: Call): Stream {
  const stream = requireStream({ StreamARN: arn }, call);
  if (stream.account !== call.account || stream.region !== call.region) {
    throw invalidArgument(
      `StreamARN ${arn} must be in the channel's account ${call.account} and region ${call.region}.`,
    );
  }
  if (stream.mode !== 'ON_DEMAND') throw notOnDemand(stream);
  const status = streamStatusOf(stream, call.now);
  if (status !== 'ACTIVE' && status !== 'UPDATING') throw notActiveOrUpdating(stream, status);
  return stream;
}

interface NewChannel extends ChannelName {
  readonly channelId: string;
  readonly stream: number;
  readonly deliveryStream: number;
  readonly configuration: string;
  readonly createdMs: number;
  readonly activeMs: number;
}

const insertChannel = query((bind: Bind<NewChannel>, db) =>
  db.insertInto('channels').values({
    account_id: bind('account'),
    region: bind('region'),
    name: bind('name'),
    channel_id: bind('channelId'),
    stream: bind('stream'),
    delivery_stream: bind('deliveryStream'),
    configuration: bind('configuration'),
    created_ms: bind('createdMs'),
    active_ms: bind('activeMs'),
  }),
);

const selectNew = query((bind: Bind<{ channelId: string }>, db) =>
  db.selectFrom('channels').selectAll().where('channel_id', '=', bind('channelId')),
);

const endFormer = query((bind: Bind<ChannelName>, db) =>
  db
    .updateTable('channels')
    .set((column) => ({ gone_ms: column.ref('deleted_ms') }))
    .where('account_id', '=', bind('account'))
    .where('region', '=', bind('region'))
    .where('name', '=', bind('name'))
    .where('gone_ms', 'is not', null),
);
