/** Amazon Data Firehose, which was Kinesis Firehose: its table of contents. */
import { join } from 'node:path';
import type { World } from '../call.ts';
import type { Job } from '../jobs.ts';
import { service } from '../protocol/operation.ts';
import { Refusal } from '../refusal.ts';
import type { Series } from '../series.ts';
import type { DeliveryStreamName } from './delivery-stream-store.ts';
import * as deliveryStreams from './delivery-streams.ts';
import * as encryption from './encryption.ts';
import { rateExceeded } from './errors.ts';
import { type FlushReport, flushNow } from './flush.ts';
import { createFlusher } from './flusher.ts';
import { firehoseSeries } from './metrics.ts';
import { openLocalStore } from './objects/local-store.ts';
import type { ObjectStore } from './objects/object-store.ts';
import { openS3Store } from './objects/s3-store.ts';
import * as records from './records.ts';
import { DATABASE_NAME } from './redshift/embedded.ts';
import type { ScriptResult } from './redshift/engine.ts';
import { openWarehouses, type ServerEndpoint } from './redshift/warehouses.ts';
import { openSearchClusters } from './search/clusters.ts';
import * as tags from './tags.ts';
import { TARGET } from './target.ts';
import * as updates from './updates.ts';

export const firehose = service(
  { target: TARGET, signingName: 'firehose', showsValues: false, rateExceeded },
  deliveryStreams,
  updates,
  records,
  tags,
  encryption,
);

export interface FirehoseOptions {
  /** Cron expression with seconds: when the flusher looks for what is due. */
  readonly flushSchedule: string;
  /** URL of the S3 that objects go to; empty for the directory `s3` beside the database. */
  readonly s3Endpoint: string;
  /** What stands in for Redshift clusters on AWS; null for embedded databases. */
  readonly redshiftEndpoint: ServerEndpoint | null;
  /** URL of what stands in for Elasticsearch domains on AWS; empty for a table of the database. */
  readonly elasticsearchEndpoint: string;
}

export interface Firehose {
  readonly jobs: readonly Job[];
  readonly series: readonly Series[];
  /** Delivers at once; undefined when there is no such delivery stream. */
  flush(name: DeliveryStreamName): Promise<FlushReport | undefined>;
  /** Runs SQL in an embedded database that plays Redshift, which is made if need be; undefined for what is no name. */
  runSql(database: string, sql: string): Promise<readonly ScriptResult[] | undefined>;
  /** After the jobs have stopped. */
  close(): Promise<void>;
}

/**
 * What runs beside the operations: deliveries.
 * @throws Refusal when the object store cannot be had.
 */
export async function openFirehose(world: World, options: FirehoseOptions): Promise<Firehose> {
  const store = options.s3Endpoint === '' ? await openDirectory(world) : await openS3Store(options.s3Endpoint);
  const warehouses = openWarehouses(world, options.redshiftEndpoint);
  const clusters = openSearchClusters(options.elasticsearchEndpoint, world);
  const flusher = createFlusher({ world, store, warehouses, clusters });
  const settle = () => {
    warehouses.endScripts();
    return flusher.end();
  };
  return {
    jobs: [{ name: 'flush', schedule: options.flushSchedule, run: flusher.run, settle }],
    series: firehoseSeries(world),
    flush: (name) => flushNow(name, flusher, world),
    runSql: async (database, sql) => (DATABASE_NAME.test(database) ? warehouses.script(database, sql) : undefined),
    async close() {
      clusters.close();
      await Promise.all([store.close(), warehouses.close()]);
    },
  };
}

async function openDirectory({ dataDir, clock }: World): Promise<ObjectStore> {
  try {
    return await openLocalStore(join(dataDir, 's3'), () => clock.randomUuid());
  } catch (error) {
    const reason = (error as Error).message;
    throw new Refusal('dataNotUsable', `Objects cannot be stored in ${dataDir} (${reason})`, { cause: error });
  }
}
