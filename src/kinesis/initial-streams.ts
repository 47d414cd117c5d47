/**
 * INITIALIZE_STREAMS: streams that are there and ACTIVE before the server is ready. What is missing is created; what is
 * there already stays as it is, and is spoken of in the log where it differs.
 */
import type { Call, World } from '../call.ts';
import { WriteUnavailable } from '../database/writer.ts';
import { ApiError } from '../protocol/error.ts';
import { Refusal } from '../refusal.ts';
import type { InitialStream } from '../settings.ts';
import { endCreation, findStream, type Stream, type StreamName, statusOf } from './stream-store.ts';
import { CreateStream, endDeletion } from './streams.ts';

const SETTING = 'INITIALIZE_STREAMS';

/** The shards of a stream for which no number is given. */
const SHARDS_DEFAULT = 4;

/** The part of the configuration that names streams: in this account, and in this region unless they name another. */
export interface WantedStreams {
  readonly account: string;
  readonly region: string;
  readonly initialStreams: readonly InitialStream[];
}

interface WantedStream extends StreamName {
  /** Null when any number will do. */
  readonly shards: number | null;
}

/**
 * Creates, all or none, the wanted streams that are missing: ACTIVE at once, as nobody can wait for them yet.
 * @throws Refusal when they contradict each other, exceed a limit, or cannot be written
 */
export async function provideStreams(config: WantedStreams, world: World): Promise<void> {
  const wanted = wantedStreams(config);
  if (wanted.length === 0) return;
  const { account, region } = config;
  const call: Call = { ...world, now: world.clock.now(), account, region, requestId: world.clock.randomUuid() };
  const found = wanted.map((name) => ({ ...name, stream: findUsable(name, call) }));
  const missing = found.filter(({ stream }) => stream === undefined);
  const creating = found.flatMap(({ stream }) => (stream && statusOf(stream, call.now) === 'CREATING' ? [stream] : []));
  if (missing.length + creating.length > 0) {
    const change = () => {
      for (const stream of missing) create(stream, call);
      for (const stream of creating) endCreation(stream, call);
    };
    await world.database.write(change).catch(refuseUnwritable);
  }
  const label = (name: StreamName) => (name.region === region ? name.name : `${name.name} in ${name.region}`);
  tell(missing.map(label), found.filter(({ stream }) => stream !== undefined).map(label), world);
  for (const { stream, shards } of found) if (stream) warnOfDrift(label(stream), stream, shards, world);
}

/** Each stream once. */
function wantedStreams({ account, region, initialStreams }: WantedStreams): readonly WantedStream[] {
  const wanted = new Map<string, WantedStream>();
  for (const { name, shards, region: own } of initialStreams) {
    const stream = { account, region: own ?? region, name, shards };
    const key = `${stream.region}/${name}`;
    const { shards: others } = wanted.get(key) ?? stream;
    if (others !== shards) {
      const both = [others, shards].map((count) => count ?? SHARDS_DEFAULT).join(' and with ');
      throw new Refusal('badSetting', `${SETTING} names ${name} in ${stream.region} twice, with ${both} shards.`);
    }
    wanted.set(key, stream);
  }
  return [...wanted.values()];
}

/** What is being deleted is as good as gone. */
function findUsable(name: StreamName, call: Call): Stream | undefined {
  const stream = findStream(name, call);
  return stream?.goneMs === null ? stream : undefined;
}

/** As CreateStream does, but in no time, and so without the limit of those that are being created at once. */
function create({ account, region, name, shards }: WantedStream, call: Call): void {
  const count = shards ?? SHARDS_DEFAULT;
  const quotas = { ...call.quotas, streamsInTransition: Number.POSITIVE_INFINITY };
  const own: Call = { ...call, region, transitionMs: 0, quotas };
  endDeletion({ account, region, name }, own);
  try {
    CreateStream.run({ StreamName: name, ShardCount: count }, own);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new Refusal(
      'badSetting',
      `${SETTING} asks for a stream ${name} of ${count} shards, but ${region} may have no more than ` +
        `${call.quotas.shards} open shards in all; ask for fewer or raise SHARD_LIMIT.`,
    );
  }
}

function refuseUnwritable(error: unknown): never {
  if (!(error instanceof WriteUnavailable)) throw error;
  const reason = error.message.replace(/\.$/, '');
  throw new Refusal('dataNotUsable', `The streams of ${SETTING} cannot be created: ${reason}.`);
}

function tell(created: readonly string[], existing: readonly string[], { log }: World): void {
  const parts = [
    ...(created.length > 0 ? [`created ${created.join(', ')}`] : []),
    ...(existing.length > 0 ? [`already there: ${existing.join(', ')}`] : []),
  ];
  log.info({ created, existing }, `${SETTING}: ${parts.join('; ')}.`);
}

function warnOfDrift(label: string, { mode, topologies }: Stream, wanted: number | null, { log }: World): void {
  if (wanted === null) return;
  const shards = topologies.after.open.length;
  if (mode === 'PROVISIONED' && shards === wanted) return;
  const is = mode === 'ON_DEMAND' ? 'is on-demand' : `has ${shards}`;
  log.warn(
    { mode, shards, wanted },
    `${SETTING} asks for ${label} with ${wanted} shards; it ${is}, and stays as it is.`,
  );
}
