/** AddTagsToStream, RemoveTagsFromStream, ListTagsForStream: one rule for every way in which tags are set. */
import type { Call } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import { operation } from '../protocol/operation.ts';
import { integer, list, map, required, structure } from '../protocol/shape.ts';
import { quotaHint } from '../quotas.ts';
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
    for (const key of TagKeys) call.database.run(deleteTag, { arn, key });
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
    // Sorted by UTF-16 code units, as AWS's Java sorts; SQLite's own order is that of UTF-8.
    const tags = call.database.all(selectTags, { arn }).sort((a, b) => (a.key < b.key ? -1 : 1));
    const rest = tags.filter(({ key }) => ExclusiveStartTagKey === undefined || key > ExclusiveStartTagKey);
    return {
      Tags: rest.slice(0, limit).map(({ key, value }) => ({ Key: key, Value: value })),
      HasMoreTags: rest.length > limit,
    };
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

const insertTag = query((bind: Bind<{ arn: string; key: string; value: string }>, db) =>
  db
    .insertInto('tags')
    .values({ resource_arn: bind('arn'), key: bind('key'), value: bind('value') })
    .onConflict((conflict) => conflict.columns(['resource_arn', 'key']).doUpdateSet({ value: bind('value') })),
);

const selectTags = query((bind: Bind<{ arn: string }>, db) =>
  db.selectFrom('tags').select(['key', 'value']).where('resource_arn', '=', bind('arn')),
);

const deleteTag = query((bind: Bind<{ arn: string; key: string }>, db) =>
  db.deleteFrom('tags').where('resource_arn', '=', bind('arn')).where('key', '=', bind('key')),
);

const countTags = query((bind: Bind<{ arn: string }>, db) =>
  db
    .selectFrom('tags')
    .select((count) => count.fn.countAll<number>().as('tags'))
    .where('resource_arn', '=', bind('arn')),
);

const deleteTags = query((bind: Bind<{ arn: string }>, db) =>
  db.deleteFrom('tags').where('resource_arn', '=', bind('arn')),
);

/**
 * Adds `tags` to a stream, replacing the values of keys that it has. Only inside the body of a write.
 * @throws ApiError InvalidArgumentException for illegal characters or when the stream would have too many.
 */
export function saveTags(stream: StreamName, tags: Tags, call: Call): void {
  assertCharacters([...tags].flat());
  const arn = streamArnOf(stream);
  for (const [key, value] of tags) call.database.run(insertTag, { arn, key, value });
  const count = call.database.get(countTags, { arn })!.tags;
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

/** Removes every tag of a stream. Only inside the body of a write. */
export function removeAllTags({ arn }: Stream, { database }: Call): void {
  database.run(deleteTags, { arn });
}
