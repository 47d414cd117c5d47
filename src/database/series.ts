/** What the metrics tell about the database. */
import type { Series } from '../series.ts';
import type { Database } from './database.ts';

export function databaseSeries(database: Database): readonly Series[] {
  const figure = (name: string, kind: Series['kind'], help: string, read: () => number): Series => ({
    name,
    help,
    kind,
    labels: [],
    collect: () => [{ labels: {}, value: read() }],
  });
  return [
    figure(
      'millrace_commits_total',
      'counter',
      'Transactions committed since the start; each serves many writes.',
      () => {
        return database.figures.commits;
      },
    ),
    figure('millrace_database_bytes', 'gauge', 'Size of millrace.db.', () => database.figures.databaseBytes),
    figure(
      'millrace_wal_bytes',
      'gauge',
      "Size of the write-ahead log; it grows while another program's read transaction lasts.",
      () => {
        return database.figures.walBytes;
      },
    ),
    figure('millrace_disk_full', 'gauge', '1 while there is no room on the disk and nothing can be written.', () =>
      database.state === 'full' ? 1 : 0,
    ),
  ];
}
