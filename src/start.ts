/** The composition root: configuration → database, services, server, jobs. main.ts and the tests start the same way. */
import type { World } from './call.ts';
import { provideCertificate } from './certificate/provide.ts';
import { channelService } from './channels/index.ts';
import { type Clock, systemClock } from './clock.ts';
import { cloudWatch, sts } from './companions/index.ts';
import type { Config } from './config.ts';
import { type Database, openDatabase } from './database/database.ts';
import { databaseSeries } from './database/series.ts';
import { type Firehose, firehose, openFirehose } from './firehose/index.ts';
import { type Jobs, startJobs } from './jobs.ts';
import { endSubscriptions, kinesis, kinesisJobs, kinesisSeries, prepareKinesis } from './kinesis/index.ts';
import type { Log } from './log.ts';
import { type Authentication, withAnySignature, withoutSignatures } from './protocol/authentication.ts';
import { createGateway } from './protocol/gateway.ts';
import { Rates, throttleSeries } from './rates.ts';
import { Refusal } from './refusal.ts';
import type { Controls } from './server/controls.ts';
import { createServer } from './server/server.ts';
import { VERSION } from './version.ts';

/** How long requests in progress may take to end when the server stops. */
const GRACE_MS = 3000;

export interface Millrace {
  /** Where it listens, for example `http://127.0.0.1:4567`. */
  readonly url: string;
  /** The PEM file that clients of https are to trust; undefined without TLS. */
  readonly certificatePath: string | undefined;
  readonly jobs: Jobs;
  /** Stops accepting, lets requests end, closes the database. Everything acknowledged is in the data file then. */
  close(): Promise<void>;
}

export interface Surroundings {
  readonly log: Log;
  readonly clock?: Clock;
  /** Called when the disk or the data can no longer be trusted: the process should end, when `resting` has resolved. */
  readonly onFatal: (error: Error, resting: Promise<void>) => void;
}

/** @throws Refusal when the data directory or the port cannot be had. */
export async function start(config: Config, { log, clock = systemClock, onFatal }: Surroundings): Promise<Millrace> {
  let failed = false;
  const database = await openDatabase({
    directory: config.dataDir,
    clock,
    log,
    version: VERSION,
    reserveBytes: config.spaceReserve,
    acceptDataLoss: config.acceptDataLoss,
    onFatal: (error, resting) => {
      failed = true;
      onFatal(error, resting);
    },
  });
  try {
    const { quotas, transitionMs, dataDir } = config;
    const rates = new Rates(quotas);
    const world: World = { clock, log, database, quotas, rates, transitionMs, dataDir };
    // Settings that cannot be used end the start before anything is set going.
    const authenticate = await authenticationOf(config, world);
    const certificate = await provideCertificate(config, world);
    await prepareKinesis(world, config);
    const deliveries = await openFirehose(world, config);
    const state = () => (failed ? 'failed' : database.state);
    const server = createServer({
      gateway: createGateway([kinesis, channelService, firehose, sts, cloudWatch], world, authenticate),
      health: () => ({ status: state(), version: VERSION, services: { kinesis: state(), firehose: state() } }),
      series: [...databaseSeries(database), throttleSeries(rates), ...kinesisSeries(world), ...deliveries.series],
      controls: config.auth === 'strict' ? undefined : controlsOf(deliveries, database, config),
      admission: config,
      identity: certificate?.identity,
      clock,
      log,
    });
    const url = urlOf(config.host, await listen(server.listen(config.port, config.host), config));
    announce(url, database, log);
    const jobs = startJobs([...kinesisJobs(world, config.sweepSchedule), ...deliveries.jobs], world);
    // Whatever has expired is worth more as free space.
    database.onFull(() => jobs.hasten('sweep'));
    return { url, certificatePath: certificate?.path, jobs, close: () => stop({ server, jobs, deliveries, world }) };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** A delivery stream whose account or region is not given is that of `config`. */
const controlsOf = (deliveries: Firehose, database: Database, config: Config): Controls => ({
  flush: ({ name, account = config.account, region = config.region }) => deliveries.flush({ name, account, region }),
  runSql: deliveries.runSql,
  snapshot: () => database.snapshot(),
});

/** What is asked of signatures. Callers that do not name an account or region have those of `config`. */
async function authenticationOf(config: Config, { clock, log }: World): Promise<Authentication> {
  switch (config.auth) {
    case 'off':
      return withoutSignatures(config);
    case 'any':
      return withAnySignature(config);
    case 'strict': {
      // The libraries of both double the time to start; few need them.
      const { openCredentials } = await import('./credentials.ts');
      const { withVerifiedSignatures } = await import('./protocol/verification.ts');
      return withVerifiedSignatures(config, await openCredentials(config.credentialsFile, { clock, log }));
    }
  }
}

/** A note that cannot be written is no reason not to serve. */
function announce(url: string, database: Database, log: Log): void {
  try {
    database.announce({ url });
  } catch (error) {
    log.warn({ err: error }, 'The note about this instance could not be written.');
  }
}

interface Running {
  readonly server: ReturnType<typeof createServer>;
  readonly jobs: Jobs;
  readonly deliveries: Firehose;
  readonly world: World;
}

async function stop({ server, jobs, deliveries, world }: Running): Promise<void> {
  const { database } = world;
  database.stopWaiting();
  // They would last for minutes.
  endSubscriptions(world);
  await Promise.all([server.close(GRACE_MS), jobs.stop()]);
  await deliveries.close();
  await database.close();
}

async function listen(listening: Promise<number>, { port, host }: Config): Promise<number> {
  try {
    return await listening;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      throw new Refusal('portInUse', `Port ${port} on ${host} is in use by another program; stop it or set PORT.`);
    }
    throw new Refusal('badSetting', `Cannot listen on ${host} port ${port} (${message}); change HOST or PORT.`);
  }
}

function urlOf(host: string, port: number): string {
  // A wildcard is not an address that a client can use.
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}
