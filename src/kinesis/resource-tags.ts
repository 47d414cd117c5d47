/** TagResource, UntagResource, ListTagsForResource: the tags of streams, consumers and channels by ARN. */
import type { Call } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import { existsAt, isWithin } from '../lifecycle.ts';
import { operation } from '../protocol/operation.ts';
import { required, structure } from '../protocol/shape.ts';
import { tagsOf } from '../tags.ts';
import { consumerStatusOf } from './consumer-store.ts';
import { channelNotFound, consumerNotActive, resourceInUse } from './errors.ts';
import { requireResource } from './resources.ts';
import { streamId, taggableArn, tagKeyList, tagMap } from './shapes.ts';
import { type ChannelIdentity, channelArnOf, identityOfArn } from './stream-channels.ts';
import { deleteTags, saveTags } from './tags.ts';
import { assertActiveOrUpdating } from './updates.ts';

const ERRORS = [
  'ResourceNotFoundException',
  'ResourceInUseException',
  'InvalidArgumentException',
  'LimitExceededException',
  'AccessDeniedException',
] as const;

export const TagResource = operation({
  access: 'write',
  input: structure({ Tags: required(tagMap), ResourceARN: required(taggableArn), StreamId: streamId }),
  rate: 'tagCallsPerSecond',
  errors: ERRORS,
  run({ Tags, ResourceARN }, call) {
    const { arn, assertChangeable } = taggable(ResourceARN, call);
    assertChangeable();
    saveTags(arn, Tags, call);
  },
});

export const UntagResource = operation({
  access: 'write',
  input: structure({ TagKeys: required(tagKeyList), ResourceARN: required(taggableArn), StreamId: streamId }),
  rate: 'tagCallsPerSecond',
  errors: ERRORS,
  run({ TagKeys, ResourceARN }, call) {
    const { arn, assertChangeable } = taggable(ResourceARN, call);
    assertChangeable();
    deleteTags(arn, TagKeys, call);
  },
});

export const ListTagsForResource = operation({
  access: 'read',
  input: structure({ ResourceARN: required(taggableArn), StreamId: streamId }),
  rate: 'tagCallsPerSecond',
  errors: ERRORS,
  run({ ResourceARN }, call) {
    const { arn } = taggable(ResourceARN, call);
    return { Tags: tagsOf(arn, call.database).map(({ key, value }) => ({ Key: key, Value: value })) };
  },
});

interface Taggable {
  /** As Millrace writes it: the key of the tags. */
  readonly arn: string;
  /** @throws ApiError ResourceInUseException in a state in which tags cannot be changed */
  readonly assertChangeable: () => void;
}

/** @throws ApiError ResourceNotFoundException, or InvalidArgumentException when the ARN is of nothing that has tags */
function taggable(resourceArn: string, call: Call): Taggable {
  const channel = identityOfArn(resourceArn);
  if (channel !== undefined) return taggableChannel(channel, call);
  const { arn, stream, consumer } = requireResource(resourceArn, call);
  return {
    arn,
    assertChangeable() {
      if (consumer === undefined) return assertActiveOrUpdating(stream, call);
      if (consumerStatusOf(consumer, call.now) !== 'ACTIVE') throw consumerNotActive(consumer, stream);
    },
  };
}

function taggableChannel(name: ChannelIdentity, { now, database }: Call): Taggable {
  const arn = channelArnOf(name);
  const channel = database.get(selectChannel, { ...name, now });
  if (channel === undefined) throw channelNotFound(arn);
  const isCreating = isWithin(now, channel.created_ms, channel.active_ms);
  return {
    arn,
    assertChangeable() {
      if (channel.gone_ms === null && !isCreating) return;
      const status = channel.gone_ms === null ? 'CREATING' : 'DELETING';
      throw resourceInUse(`Channel ${arn} not ACTIVE or UPDATING, instead in state ${status}`);
    },
  };
}

const selectChannel = query((bind: Bind<ChannelIdentity & { now: number }>, db) =>
  db
    .selectFrom('channels')
    .select(['created_ms', 'active_ms', 'gone_ms'])
    .where('channel_id', '=', bind('channelId'))
    .where('account_id', '=', bind('account'))
    .where('region', '=', bind('region'))
    .where(existsAt(bind('now'))),
);
