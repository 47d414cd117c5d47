/** TagDeliveryStream, UntagDeliveryStream, ListTagsForDeliveryStream. */
import type { Call } from '../call.ts';
import { operation } from '../protocol/operation.ts';
import { quotaHint } from '../quotas.ts';
import { removeTag, setTag, tagsOf, tagsPage } from '../tags.ts';
import {
  type DeliveryStream,
  type DeliveryStreamName,
  deliveryStreamArnOf,
  requireDeliveryStream,
  statusOf,
} from './delivery-stream-store.ts';
import { limitExceeded, notUpdatable } from './errors.ts';
import { listTagsForDeliveryStreamInput, tagDeliveryStreamInput, untagDeliveryStreamInput } from './shapes.ts';

const CHANGE_ERRORS = [
  'ResourceNotFoundException',
  'ResourceInUseException',
  'InvalidArgumentException',
  'LimitExceededException',
] as const;

export const TagDeliveryStream = operation({
  access: 'write',
  input: tagDeliveryStreamInput,
  rate: 'deliveryStreamCallsPerSecond',
  errors: CHANGE_ERRORS,
  run({ DeliveryStreamName, Tags }, call) {
    saveTags(requireTaggable(DeliveryStreamName, call), Tags, call);
    return {};
  },
});

export const UntagDeliveryStream = operation({
  access: 'write',
  input: untagDeliveryStreamInput,
  rate: 'deliveryStreamCallsPerSecond',
  errors: CHANGE_ERRORS,
  run({ DeliveryStreamName, TagKeys }, call) {
    const { arn } = requireTaggable(DeliveryStreamName, call);
    for (const key of TagKeys) removeTag(arn, key, call.database);
    return {};
  },
});

const PAGE = 50;

export const ListTagsForDeliveryStream = operation({
  access: 'read',
  input: listTagsForDeliveryStreamInput,
  rate: 'deliveryStreamCallsPerSecond',
  errors: ['ResourceNotFoundException', 'InvalidArgumentException', 'LimitExceededException'],
  run({ DeliveryStreamName, ExclusiveStartTagKey, Limit }, call) {
    const { arn } = requireDeliveryStream(DeliveryStreamName, call);
    const { tags, hasMore } = tagsPage(arn, { after: ExclusiveStartTagKey, limit: Limit ?? PAGE }, call.database);
    return { HasMoreTags: hasMore, Tags: tags.map(({ key, value }) => ({ Key: key, Value: value })) };
  },
});

/** Tags can be set while a delivery stream is CREATING, but not once it is DELETING. */
function requireTaggable(name: string, call: Call): DeliveryStream {
  const deliveryStream = requireDeliveryStream(name, call);
  const status = statusOf(deliveryStream, call.now);
  if (status === 'DELETING') throw notUpdatable(deliveryStream, status);
  return deliveryStream;
}

export interface WireTag {
  readonly Key: string;
  readonly Value?: string | undefined;
}

/**
 * Adds `tags` to a delivery stream, replacing the values of keys that it has; of a key given twice the last counts.
 * Only inside the body of a write.
 * @throws ApiError LimitExceededException when it would have too many.
 */
export function saveTags(name: DeliveryStreamName, tags: readonly WireTag[], call: Call): void {
  const { database, quotas } = call;
  const arn = deliveryStreamArnOf(name);
  for (const { Key, Value } of tags) setTag(arn, { key: Key, value: Value ?? '' }, database);
  const count = tagsOf(arn, database).length;
  const limit = quotas.tagsPerDeliveryStream;
  if (count <= limit) return;
  throw limitExceeded(
    `Firehose ${name.name} under account ${name.account} cannot have more than ${limit} tags` +
      `${quotaHint(quotas, 'tagsPerDeliveryStream', count)}.`,
  );
}
