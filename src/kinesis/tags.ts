/** Tags of streams. One rule for every way in which they are set. */
import type { Call } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import { quotaHint } from '../quotas.ts';
import { invalidArgument } from './errors.ts';
import type { Stream, StreamName } from './stream-store.ts';
import { streamArnOf } from './stream-store.ts';

export type Tags = ReadonlyMap<string, string>;

/** The union of what AWS's stream API and resource API documents allow. */
const ALLOWED = /^[\p{L}\p{N}\p{Z}_.:/=+\-%@]*$/u;

const insertTag = query((bind: Bind<{ arn: string; key: string; value: string }>, db) =>
  db
    .insertInto('tags')
    .values({ resource_arn: bind('arn'), key: bind('key'), value: bind('value') })
    .onConflict((conflict) => conflict.columns(['resource_arn', 'key']).doUpdateSet({ value: bind('value') })),
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
  for (const [key, value] of tags) {
    if (!ALLOWED.test(key) || !ALLOWED.test(value)) {
      throw invalidArgument(
        'Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @.',
      );
    }
  }
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

/** Removes every tag of a stream. Only inside the body of a write. */
export function removeAllTags({ arn }: Stream, { database }: Call): void {
  database.run(deleteTags, { arn });
}
