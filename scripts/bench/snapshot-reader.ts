/** A helper that keeps a read transaction open on a database file, as somebody does who looks into it. */
import { openHandle } from '../../src/database/handle.ts';
import { serveJobs } from './helper.ts';

export interface Snapshot {
  /** The database file. */
  readonly path: string;
}

/** Returns the number of streams it sees; the transaction ends with the helper. */
serveJobs<Snapshot, number>(({ path }) => {
  const handle = openHandle(path, { readonly: true });
  handle.exec('begin');
  return handle.prepare('select count(*) from streams').pluck().get() as number;
});
