/** The observer: everything that the checker compares a history with, from a running server and its files. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Bodies } from '../bodies.ts';
import { THERE } from '../checker/states.ts';
import { createClient } from '../client.ts';
import { ABSENT, type Seen } from '../history.ts';
import { streamCell } from '../layout.ts';
import type { Ledger } from '../ledger.ts';
import type { Observation } from '../observation.ts';
import { missingDeliveryStreams, observeCells } from './cells.ts';
import { databaseFaults, leftPlans } from './database.ts';
import { flushAll, leftTemporaries, objectsDirectory, observeObjects } from './objects.ts';
import { type Bookmarks, observeStreams, settledStreams } from './streams.ts';

export interface Place {
  readonly url: string;
  readonly dataDir: string;
  readonly extent: 'since' | 'all';
  readonly bodies: Bodies;
  readonly ledger: Ledger;
  readonly bookmarks: Bookmarks;
}

/** Looks at everything. Nobody else may change anything meanwhile. */
export async function observe(place: Place): Promise<Observation> {
  const { url, dataDir, extent, bodies, ledger, bookmarks } = place;
  const stuck: string[] = [];
  const database: string[] = [];
  const streams = await observeStreams({
    url,
    bodies,
    extent,
    bookmarks,
    lifeOf: (stream) => [...ledger.possible(streamCell(stream))].find((life) => life !== ABSENT),
    onStuck: (message) => void stuck.push(message),
    onUnreadable: (message) => void database.push(message),
  });
  const client = createClient(url);
  const missing = await missingDeliveryStreams(client);
  const names = streams.map(({ name }) => name);
  const cells = await observeCells(client, ledger.cells, names).finally(() => client.close());
  let objects: Observation['objects'];
  if (extent === 'all') {
    stuck.push(...(await flushAll(url)), ...(await leftPlans(dataDir)), ...(await leftTemporaries(dataDir)));
    database.push(...databaseFaults(dataDir));
    objects = observeObjects(dataDir, bodies);
  }
  const returned = ledger.removed
    .map(({ path }) => path)
    .filter((path) => existsSync(join(objectsDirectory(dataDir), path)));
  return { extent, streams, missing, cells, ...(objects && { objects }), returned, stuck, database };
}

/** What cells are of which the history does not know what became of them. */
export async function doubtsResolved(url: string, ledger: Ledger): Promise<Seen[]> {
  const doubtful = ledger.cells.filter((cell) => ledger.possible(cell).size > 1);
  if (doubtful.length === 0) return [];
  const client = createClient(url);
  try {
    const streams = await settledStreams(client);
    const cells = await observeCells(
      client,
      doubtful,
      streams.map(({ name }) => name),
    );
    return doubtful.flatMap((cell) => {
      const possible = [...ledger.possible(cell)];
      const state = cells[cell] === THERE ? possible.find((known) => known !== ABSENT)! : cells[cell]!;
      // Anything else is for the check to tell.
      return possible.includes(state) ? [{ kind: 'seen', cell, state }] : [];
    });
  } finally {
    client.close();
  }
}
