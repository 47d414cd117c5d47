/** AddTagsToStream, RemoveTagsFromStream, ListTagsForStream: one rule for every way in which tags are set. */
import type { Call } from '../call.ts';
import { operation } from '../protocol/operation.ts';
import { integer, list, map, required, structure } from '../protocol/shape.ts';
import { quotaHint } from '../quotas.ts';
import { removeTag, setTag, tagsOf, tagsPage } from '../tags.ts';
import { invalidArgument, notActiveOrUpdating } from './errors.ts';
import { streamReference, tagKey, tagValue } from './shapes.ts';
import {
  requireStream,
  type Stream,
  type StreamName,
  type StreamReference,
  statusOf,
  streamArnOf,
} from './stream-store.ts';

const CHANGE_ERRORS = [
  'ResourceNotFoundException',
  'ResourceInUseException',
  'InvalidArgumentException',
  'LimitExceededException',
  'AccessDeniedException',
] as const;

export const AddTagsToStream = operation({
  access: 'write',
  input: structure({
    Tags: required(map(tagKey, tagValue, { min: 1, max: 200, quota: 'tagsPerCall' })),
    ...streamReference,
  }),
  rate: 'tagCallsPerSecond',
  errors: CHANGE_ERRORS,
  run({ Tags, ...reference }, call) {
    saveTags(requireTaggable(reference, call), Tags, call);
  },
});

export const RemoveTagsFromStream = operation({
  access: 'write',
  input: structure({
    TagKeys: required(list(tagKey, { min: 1, max: 50, quota: 'tagKeysPerCall' })),
    ...streamReference,
  }),
  rate: 'tagCallsPerSecond',
  errors: CHANGE_ERRORS,
  run({ TagKeys, ...reference }, call) {
    const { arn } = requireTaggable(reference, call);
    assertCharacters(TagKeys);
    for (const key of TagKeys) removeTag(arn, key, call.database);
  },
});

export const ListTagsForStream = operation({
  access: 'read',
  input: structure({
    Limit: integer({ min: 1, max: 50, quota: 'tagsPage' }),
    ExclusiveStartTagKey: tagKey,
    ...streamReference,
  }),
  rate: 'tagCallsPerSecond',
  errors: ['ResourceNotFoundException', 'LimitExceededException', 'InvalidArgumentException', 'AccessDeniedException'],
  run({ Limit, ExclusiveStartTagKey, ...reference }, call) {
    const { arn } = requireStream(reference, call);
    const limit = Math.min(Limit ?? call.quotas.tagsPage, call.quotas.tagsPage);
    const { tags, hasMore } = tagsPage(arn, { after: ExclusiveStartTagKey, limit }, call.database);
    return { Tags: tags.map(({ key, value }) => ({ Key: key, Value: value })), HasMoreTags: hasMore };
  },
});

/** Tags given at the creation stay as they are until the stream is ACTIVE, and DELETING has taken them away. */
function requireTaggable(reference: StreamReference, call: Call): Stream {
  const stream = requireStream(reference, call);
  const status = statusOf(stream, call.now);
  if (status !== 'ACTIVE' && status !== 'UPDATING') throw notActiveOrUpdating(stream, status);
  return stream;
}

export type Tags = ReadonlyMap<string, string>;

/** The union of what AWS's stream API and resource API documents allow. */
const ALLOWED = /^[\p{L}\p{N}\p{Z}_.:/=+\-%@]*$/u;

/**
 * Adds `tags` to a stream, replacing the values of keys that it has. Only inside the body of a write.
 * @throws ApiError InvalidArgumentException for illegal characters or when the stream would have too many.
 */
export function saveTags(stream: StreamName, tags: Tags, call: Call): void {
  assertCharacters([...tags].flat());
  const arn = streamArnOf(stream);
  for (const [key, value] of tags) setTag(arn, { key, value }, call.database);
  const count = tagsOf(arn, call.database).length;
  if (count <= call.quotas.tagsPerStream) return;
  // AWS kept the "10" in this text when the limit became 50.
  throw invalidArgument(
    `Failed to add tags to stream ${stream.name} under account ${stream.account} because a given stream cannot have ` +
      `more than 10 tags associated with it.${quotaHint(call.quotas, 'tagsPerStream', count)}`,
  );
}

function assertCharacters(texts: readonly string[]): void {
  if (texts.every((text) => ALLOWED.test(text))) return;
  throw invalidArgument(
    'Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @.',
  );
}
