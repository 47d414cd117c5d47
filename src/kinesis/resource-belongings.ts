/** What is kept by the ARN of a stream or consumer, besides it: tags and a policy. */
import type { Database } from '../database/database.ts';
import { type Bind, query } from '../database/query.ts';
import { removeTags } from '../tags.ts';

interface Policy {
  readonly policy: string;
}

const upsertPolicy = query((bind: Bind<{ arn: string; putMs: number } & Policy>, db) =>
  db
    .insertInto('resource_policies')
    .values({ resource_arn: bind('arn'), policy: bind('policy'), put_ms: bind('putMs') })
    .onConflict((conflict) =>
      conflict.column('resource_arn').doUpdateSet({ policy: bind('policy'), put_ms: bind('putMs') }),
    ),
);

const selectPolicy = query((bind: Bind<{ arn: string }>, db) =>
  db.selectFrom('resource_policies').select('policy').where('resource_arn', '=', bind('arn')),
);

const deletePolicy = query((bind: Bind<{ arn: string }>, db) =>
  db.deleteFrom('resource_policies').where('resource_arn', '=', bind('arn')),
);

/** The policy as it was put; undefined when there is none. */
export const policyOf = (arn: string, database: Database): string | undefined =>
  database.get(selectPolicy, { arn })?.policy;

/** Replaces the policy that is there. Only inside the body of a write. */
export function setPolicy(arn: string, policy: string, putMs: number, database: Database): void {
  database.run(upsertPolicy, { arn, policy, putMs });
}

/** Only inside the body of a write. */
export function removePolicy(arn: string, database: Database): void {
  database.run(deletePolicy, { arn });
}

/** The tags and the policy of what is being deleted. Only inside the body of a write. */
export function removeBelongings(arn: string, database: Database): void {
  removeTags(arn, database);
  removePolicy(arn, database);
}
