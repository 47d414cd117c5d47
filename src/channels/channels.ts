/** DescribeChannel and DeleteChannel. */
import { type Bind, query } from '../database/query.ts';
import { endHosted } from '../firehose/hosted-deliveries.ts';
import { operation } from '../protocol/operation.ts';
import { removeTags } from '../tags.ts';
import { describe, requireChannel } from './channel-store.ts';
import { channelReference } from './shapes.ts';

const ERRORS = [
  'AccessDeniedException',
  'InvalidArgumentException',
  'LimitExceededException',
  'ResourceNotFoundException',
  'ValidationException',
] as const;

export const DescribeChannel = operation({
  access: 'read',
  input: channelReference,
  rate: 'channelCallsPerSecond',
  errors: ERRORS,
  run: ({ ChannelARN }, call) => ({ ChannelDescription: describe(requireChannel(ChannelARN, call), call.now) }),
});

export const DeleteChannel = operation({
  access: 'delete',
  input: channelReference,
  rate: 'channelCallsPerSecond',
  errors: ERRORS,
  run({ ChannelARN }, call) {
    const channel = requireChannel(ChannelARN, call);
    // Deleting what is being deleted changes nothing, above all not the instant at which it is gone.
    if (channel.goneMs !== null) return;
    const { id, arn, deliveryName } = channel;
    call.database.run(markDeleted, { id, deletedMs: call.now, goneMs: call.now + call.transitionMs });
    endHosted(deliveryName, channel, call);
    removeTags(arn, call.database);
  },
});

const markDeleted = query((bind: Bind<{ id: number; deletedMs: number; goneMs: number }>, db) =>
  db
    .updateTable('channels')
    .set({ deleted_ms: bind('deletedMs'), gone_ms: bind('goneMs') })
    .where('id', '=', bind('id')),
);
