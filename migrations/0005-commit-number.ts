/** The number of the newest commit, and an identity of the file: what the commit witness beside it is compared with. */
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`insert into server_state (name, value) values ('commit', 0)`.execute(db);
  await sql`insert into server_state (name, value) values ('database_id', lower(hex(randomblob(16))))`.execute(db);
}
