/** Indices in the Millrace database, for domains that no server stands for. */
import type { Call } from '../../call.ts';
import { type Bind, query } from '../../database/query.ts';
import type { Document, Outcome } from './documents.ts';
import { indexNameProblem } from './index-name.ts';

interface Values extends Omit<Document, 'position' | 'id'> {
  readonly domain: string;
  readonly id: string;
}

const upsert = query((bind: Bind<Values>, db) =>
  db
    .insertInto('search_documents')
    .values({
      domain: bind('domain'),
      index_name: bind('index'),
      id: bind('id'),
      type_name: bind('type'),
      body: bind('body'),
      arrived_ms: bind('arrivedMs'),
    })
    .onConflict((conflict) =>
      conflict.columns(['domain', 'index_name', 'id']).doUpdateSet((column) => ({
        type_name: column.ref('excluded.type_name'),
        body: column.ref('excluded.body'),
        arrived_ms: column.ref('excluded.arrived_ms'),
      })),
    ),
);

/** Puts documents into the indices of `domain`. Only inside the body of a write. */
export function indexLocally(
  domain: string,
  documents: readonly Document[],
  { database, clock }: Pick<Call, 'database' | 'clock'>,
): Outcome[] {
  return documents.map((document) => {
    const { position, id = clock.randomUuid(), ...rest } = document;
    const problem = indexNameProblem(document.index);
    if (problem !== undefined) return { position, error: invalidIndexName(document.index, problem) };
    database.run(upsert, { domain, id, ...rest });
    return { position };
  });
}

/** As a cluster says it. */
const invalidIndexName = (index: string, problem: string) => ({
  code: '400',
  message: JSON.stringify({
    type: 'invalid_index_name_exception',
    reason: `Invalid index name [${index}], ${problem}`,
    index,
  }),
  isFinal: true,
});
