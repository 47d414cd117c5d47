/** AddTagsToStream, RemoveTagsFromStream, ListTagsForStream: one rule for every way in which tags are set. */
import type { Call } from '../call.ts';
import type { ApiError } from '../protocol/error.ts';
import { operation } from '../protocol/operation.ts';
import { integer, required, structure } from '../protocol/shape.ts';
import { quotaHint } from '../quotas.ts';
import { removeTag, setTag, tagsOf, tagsPage } from '../tags.ts';
import { invalidArgument } from './errors.ts';
import { streamReference, tagKey, tagKeyList, tagMap } from './shapes.ts';
import { requireStream, type Stream, type StreamReference, streamNameOfArn } from './stream-store.ts';
import { assertActiveOrUpdating } from './updates.ts';

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
    Tags: required(tagMap),
    ...streamReference,
  }),
  rate: 'tagCallsPerSecond',
  errors: CHANGE_ERRORS,
  run({ Tags, ...reference }, call) {
    saveTags(requireTaggable(reference, call).arn, Tags, call);
  },
});

export const RemoveTagsFromStream = operation({
  access: 'write',
  input: structure({
    TagKeys: required(tagKeyList),
    ...streamReference,
  }),
  rate: 'tagCallsPerSecond',
  errors: CHANGE_ERRORS,
  run({ TagKeys, ...reference }, call) {
    deleteTags(requireTaggable(reference, call).arn, TagKeys, call);
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
  assertActiveOrUpdating(stream, call);
  return stream;
}

export type Tags = ReadonlyMap<string, string>;

/** The union of what AWS's stream API and resource API documents allow. */
const ALLOWED = /^[\p{L}\p{N}\p{Z}_.:/=+\-%@]*$/u;

/**
 * Adds `tags` to the stream, consumer or channel with the ARN, replacing the values of keys that it has. Only inside the
 * body of a write.
 * @throws ApiError InvalidArgumentException for illegal characters or when the resource would have too many.
 */
export function saveTags(arn: string, tags: Tags, call: Call): void {
  assertCharacters([...tags].flat());
  for (const [key, value] of tags) setTag(arn, { key, value }, call.database);
  const count = tagsOf(arn, call.database).length;
  if (count > call.quotas.tagsPerStream) throw tooManyTags(arn, count, call);
}

/**
 * Takes the tags with these keys away, as far as they are there. Only inside the body of a write.
 * @throws ApiError InvalidArgumentException for illegal characters
 */
export function deleteTags(arn: string, keys: readonly string[], { database }: Call): void {
  assertCharacters(keys);
  for (const key of keys) removeTag(arn, key, database);
}

function tooManyTags(arn: string, count: number, { quotas }: Call): ApiError {
  const stream = streamNameOfArn(arn);
  const hint = quotaHint(quotas, 'tagsPerStream', count);
  return invalidArgument(
    stream === undefined
      ? `Failed to add tags to resource ${arn} because a given resource cannot have more than ${quotas.tagsPerStream} ` +
          `tags associated with it.${hint}`
      : // AWS kept the "10" in this text when the limit became 50.
        `Failed to add tags to stream ${stream.name} under account ${stream.account} because a given stream cannot ` +
          `have more than 10 tags associated with it.${hint}`,
  );
}

function assertCharacters(texts: readonly string[]): void {
  if (texts.every((text) => ALLOWED.test(text))) return;
  throw invalidArgument(
    'Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @.',
  );
}
