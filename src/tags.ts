/** The tags of whatever has an ARN, as rows. What may be tagged, and how much, is the services' business. */
import type { Database } from './database/database.ts';
import { type Bind, query } from './database/query.ts';

export interface Tag {
  readonly key: string;
  readonly value: string;
}

const upsert = query((bind: Bind<{ arn: string } & Tag>, db) =>
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

const deleteTags = query((bind: Bind<{ arn: string }>, db) =>
  db.deleteFrom('tags').where('resource_arn', '=', bind('arn')),
);

/** Sorted by UTF-16 code units, as AWS's Java sorts; SQLite's own order is that of UTF-8. */
export const tagsOf = (arn: string, database: Database): readonly Tag[] =>
  database.all(selectTags, { arn }).sort((a, b) => (a.key < b.key ? -1 : 1));

/** Replaces the value of a key that is there. Only inside the body of a write. */
export function setTag(arn: string, tag: Tag, database: Database): void {
  database.run(upsert, { arn, ...tag });
}

/** Only inside the body of a write. */
export function removeTag(arn: string, key: string, database: Database): void {
  database.run(deleteTag, { arn, key });
}

/** Only inside the body of a write. */
export function removeTags(arn: string, database: Database): void {
  database.run(deleteTags, { arn });
}

/** A page of a listing of tags: those after the key `after`, and whether more follow. */
export function tagsPage(
  arn: string,
  { after, limit }: { readonly after: string | undefined; readonly limit: number },
  database: Database,
): { readonly tags: readonly Tag[]; readonly hasMore: boolean } {
  const rest = tagsOf(arn, database).filter(({ key }) => after === undefined || key > after);
  return { tags: rest.slice(0, limit), hasMore: rest.length > limit };
}
