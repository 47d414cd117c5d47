/** All migrations in their order. A released one never changes: it describes what the files of users went through. */
import type { Migration } from 'kysely';
import * as kinesis from './0001-kinesis.ts';
import * as resharding from './0002-resharding.ts';
import * as firehose from './0003-firehose.ts';
import * as destinations from './0004-destinations.ts';
import * as commitNumber from './0005-commit-number.ts';
import * as todaysApi from './0006-todays-api.ts';

export const migrations: Readonly<Record<string, Migration>> = {
  '0001-kinesis': kinesis,
  '0002-resharding': resharding,
  '0003-firehose': firehose,
  '0004-destinations': destinations,
  '0005-commit-number': commitNumber,
  '0006-todays-api': todaysApi,
};
