/**
 * Tokens that clients carry for us: shard iterators and paging tokens. They contain everything they mean, encrypted and
 * authenticated with a key that lives in the database, so they survive a restart and cannot be made up.
 */
import type { World } from '../call.ts';
import { memory } from '../database/memory.ts';
import { query } from '../database/query.ts';
import { KEY_BYTES, NONCE_BYTES, openText, sealText } from '../sealing.ts';

/** The same first bytes as AWS's iterators have. */
const HEADER = Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]);
const KEY_NAME = 'token_key';

const selectKey = query<{ name: string }, { value: Buffer | string }>((bind, db) =>
  db.selectFrom('server_state').select('value').where('name', '=', bind('name')),
);

const insertKey = query<{ name: string; value: Buffer }>((bind, db) =>
  db.insertInto('server_state').values({ name: bind('name'), value: bind('value') }),
);

const keys = memory((database) => database.get(selectKey, { name: KEY_NAME })?.value as Buffer);

/** Makes the key when the database is new. Runs before the first request. */
export async function ensureTokenKey({ database, clock }: World): Promise<void> {
  if (database.get(selectKey, { name: KEY_NAME }) !== undefined) return;
  await database.write(() => database.insert(insertKey, { name: KEY_NAME, value: clock.randomBytes(KEY_BYTES) }));
}

/** A token for `fields`; every call makes a different one. `kind` keeps tokens of one use from passing for another. */
export function seal(kind: string, fields: readonly (string | number)[], { database, clock }: World): string {
  const text = JSON.stringify([kind, ...fields]);
  const sealed = sealText(keys.of(database), clock.randomBytes(NONCE_BYTES), text);
  return Buffer.concat([HEADER, sealed]).toString('base64');
}

/** The fields of a token of this `kind`; undefined when it is not one of ours, damaged, or of another kind. */
export function unseal(kind: string, token: string, { database }: World): (string | number)[] | undefined {
  // AWS takes iterators that a shell script left in double quotes.
  const bytes = Buffer.from(token.replace(/^"(.*)"$/, '$1'), 'base64');
  if (!bytes.subarray(0, HEADER.length).equals(HEADER)) return undefined;
  const text = openText(keys.of(database), bytes.subarray(HEADER.length));
  if (text === undefined) return undefined;
  const [sealedKind, ...fields] = JSON.parse(text) as (string | number)[];
  return sealedKind === kind ? fields : undefined;
}
