/** The steps of a batch that is in its bucket and belongs into a table: the load, or the report that it was given up. */
import { clear, confirm, type Delivery, drop, nextStep } from '../deliveries.ts';
import type { DeliveryStream } from '../delivery-stream-store.ts';
import type { Redshift } from '../destinations/redshift.ts';
import { addIncident } from '../incidents.ts';
import { openSecret } from '../secrets.ts';
import type { Moment, Occupation, Step } from '../step.ts';
import { destinationOf } from '../versions.ts';
import { type CopyOptions, CopyOptionsError, parseCopyOptions } from './copy-options.ts';
import { type Batch, copyBatch } from './copying.ts';
import { columnNamesOf, tableNameOf } from './identifiers.ts';
import { loadOf, noteLoaded } from './loads.ts';
import { LoadError, loadErrorOf } from './session.ts';

const S_MS = 1000;
const JSON_PATHS_BYTES_MAX = 1024 * 1024;

export const loadStep: Step = {
  run: load,
  retries: {
    // Where the destination is another one by now, one attempt must do.
    durationMs: ({ destination }) =>
      destination.type === 'Redshift' ? destination.description.RetryOptions.DurationInSeconds * S_MS : 0,
    giveUp: skip,
  },
};

export const reportStep: Step = { run: report };

async function load(occupation: Occupation): Promise<void> {
  const { delivery, delivering, task } = occupation;
  const { world, warehouses } = delivering;
  const { database, clock } = world;
  const { description, password } = redshiftOf(occupation);
  const { loadId, manifestKey } = loadOf(delivery.id, database);
  const cluster = {
    jdbcUrl: description.ClusterJDBCURL,
    user: description.Username ?? '',
    password: openSecret(password, world),
  };
  const command = commandOf(description);
  const batch = { loadId, ...command, ...sourcesOf(occupation, command.options) };
  const loaded = await task.remotely(async () => {
    await putManifest(manifestKey, occupation);
    try {
      return await warehouses.use(cluster, (session) => copyBatch(session, batch), task.signal);
    } catch (error) {
      throw loadErrorOf(error);
    }
  });
  await database.write(() => {
    noteLoaded(delivery.id, loaded, database);
    confirm(delivery, { database, now: clock.now() });
    clear(delivery, database);
  });
}

/** As the delivery stream is now, so that who mends its configuration mends the batches that wait. */
function redshiftOf({ delivery, deliveryStream, delivering }: Occupation): Redshift {
  const { id, destination } = deliveryStream;
  if (destination.type === 'Redshift') return destination;
  return destinationOf(id, delivery.version, delivering.world.database) as Redshift & typeof destination;
}

/** @throws LoadError for what earlier versions of Millrace took at creation */
function commandOf({ CopyCommand }: Redshift['description']): Pick<Batch, 'table' | 'columns' | 'options'> {
  const table = tableNameOf(CopyCommand.DataTableName);
  const columns = columnNamesOf(CopyCommand.DataTableColumns);
  if (table === undefined) throw new LoadError('SyntaxError', 'DataTableName is no name of a table.');
  if (columns === undefined) throw new LoadError('SyntaxError', 'DataTableColumns are no names of columns.');
  try {
    return { table, columns, options: parseCopyOptions(CopyCommand.CopyOptions) };
  } catch (error) {
    if (!(error instanceof CopyOptionsError)) throw error;
    throw new LoadError('IncorrectCopyOptions', error.message);
  }
}

/** What COPY reads is what is in the bucket, not what was put into the delivery stream. */
function sourcesOf(
  { delivery, deliveryStream, delivering, task }: Occupation,
  { format }: CopyOptions,
): Pick<Batch, 'content' | 'jsonPaths'> {
  const { region } = deliveryStream;
  const { store } = delivering;
  const { bucket, key } = delivery;
  return {
    content: () => missingIsNamed(store.get({ bucket, key, region }, task.signal)),
    jsonPaths: async () => {
      const [, , pathsBucket = '', ...pathsKey] = 'jsonPaths' in format ? format.jsonPaths.split('/') : [];
      const name = { bucket: pathsBucket, key: pathsKey.join('/'), region };
      return textOf(missingIsNamed(store.get(name, task.signal)));
    },
  };
}

async function* missingIsNamed(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* bytes;
  } catch (error) {
    throw new LoadError('MissingS3File', (error as Error).message);
  }
}

async function textOf(bytes: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.length;
    if (size > JSON_PATHS_BYTES_MAX) throw new LoadError('IncorrectJsonPathsFile', 'The JSONPaths file is too large.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** Manifests tell COPY which objects it is about. */
async function putManifest(key: string, { delivery, deliveryStream, delivering, task }: Occupation): Promise<void> {
  const { bucket } = delivery;
  const manifest = { entries: [{ url: `s3://${bucket}/${delivery.key}`, mandatory: true }] };
  await delivering.store.put(
    {
      bucket,
      key,
      content: async function* () {
        yield Buffer.from(JSON.stringify(manifest));
      },
      contentType: delivery.content_type,
      contentEncoding: undefined,
      kmsKeyArn: delivery.kms_key_arn ?? undefined,
      region: deliveryStream.region,
    },
    task.signal,
  );
}

/** The batch is skipped: its object stays, and a manifest among the errors tells that it was not loaded. */
function skip(delivery: Delivery, error: Error, deliveryStream: DeliveryStream, moment: Moment): void {
  if (!nextStep(delivery, 'REPORT', error.message, moment.database)) return;
  const { account, region, name } = deliveryStream;
  const { buffer, first_position: from, last_position: until, bytes } = delivery;
  const reason = `They are in s3://${delivery.bucket}/${delivery.key}, but not in Redshift: ${error.message}`;
  const span = { buffer, from, until };
  const records = until - from + 1;
  addIncident({ kind: 'SKIPPED', account, region, name, records, bytes, span, reason }, moment);
}

async function report(occupation: Occupation): Promise<void> {
  const { delivery, delivering } = occupation;
  const { database, clock } = delivering.world;
  await putManifest(loadOf(delivery.id, database).errorManifestKey, occupation);
  await database.write(() => {
    drop(delivery, { database, now: clock.now() });
    clear(delivery, database);
  });
}
