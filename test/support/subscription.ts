/** Subscriptions over real sockets of either protocol, as a queue of events that a test takes one by one. */
import http from 'node:http';
import http2 from 'node:http2';
import { onTestFinished } from 'vitest';
import { CBOR_TYPE, cborOf } from './cbor.ts';
import { type EventFrame, FrameDecoder } from './event-frames.ts';
import { awsHeaders } from './http-client.ts';
import { lowerCase } from './http2-frames.ts';
import type { ReadRecord } from './kinesis.ts';
import type { TestServer } from './server.ts';

export interface ShardEvent {
  readonly Records: readonly (ReadRecord & { readonly EncryptionType?: string })[];
  readonly ContinuationSequenceNumber?: string;
  readonly MillisBehindLatest: number;
  // biome-ignore lint/suspicious/noExplicitAny: looked into by tests, not typed
  readonly ChildShards?: any[];
}

/** An event; an error that ended the stream; the end of the answer, in order or cut off. */
export type Told =
  | { readonly event: ShardEvent }
  | { readonly exception: string; readonly message: string }
  | { readonly end: 'in order' | 'cut off' };

export interface Subscribing {
  readonly protocol?: 'http1' | 'http2';
  readonly wire?: 'json' | 'cbor';
  /** Of HTTP/2: bytes that the server may send before the client has read them. */
  readonly windowBytes?: number;
}

export interface TestSubscription {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  /** Every frame so far. */
  readonly frames: readonly EventFrame[];
  /** What comes next; waits for it. */
  next(): Promise<Told>;
  /** The next event; throws when something else comes. */
  event(): Promise<ShardEvent>;
  /** Reads events until they have brought `count` records, which it returns with the last event. */
  records(count: number): Promise<{ readonly records: ShardEvent['Records']; readonly last: ShardEvent }>;
  /** How the stream ends; what comes before that is dropped. */
  ended(): Promise<Told>;
  /** Stops and goes on reading from the socket. */
  pause(): void;
  resume(): void;
  /** The client disappears. */
  cut(): void;
}

const WIRE = process.env.WIRE === 'cbor' ? 'cbor' : 'json';

export interface Where {
  readonly ConsumerARN: string;
  readonly ShardId?: string;
  /** TRIM_HORIZON when absent. */
  readonly StartingPosition?: object;
}

/** Subscribes; rejects with the answer's text when that is no stream. */
export async function subscribe(
  server: Pick<TestServer, 'url'>,
  { ConsumerARN, ShardId = 'shardId-000000000000', StartingPosition = { Type: 'TRIM_HORIZON' } }: Where,
  { protocol = 'http1', wire = WIRE, windowBytes }: Subscribing = {},
): Promise<TestSubscription> {
  const input = { ConsumerARN, ShardId, StartingPosition };
  const target = 'Kinesis_20131202.SubscribeToShard';
  const body = wire === 'cbor' ? cborOf(target, input) : Buffer.from(JSON.stringify(input));
  const headers: Record<string, string> = {
    ...awsHeaders('SubscribeToShard'),
    ...(wire === 'cbor' ? { 'Content-Type': CBOR_TYPE } : {}),
  };
  const open = protocol === 'http1' ? openHttp1 : openHttp2;
  const answer = await open(server.url, headers, body, windowBytes);
  if (answer.status !== 200) {
    const chunks: Buffer[] = [];
    for await (const chunk of answer.body) chunks.push(chunk as Buffer);
    answer.cut();
    throw new Error(`SubscribeToShard answered ${answer.status}: ${Buffer.concat(chunks)}`);
  }
  return follow(answer);
}

interface OpenAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: NodeJS.ReadableStream;
  readonly cut: () => void;
}

async function openHttp1(url: string, headers: Record<string, string>, body: Buffer): Promise<OpenAnswer> {
  const request = http.request(url, { method: 'POST', headers, agent: false });
  request.on('error', () => undefined);
  onTestFinished(() => void request.destroy());
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
    request.end(body);
  });
  return {
    status: response.statusCode!,
    headers: response.headers,
    body: response,
    cut: () => void request.destroy(),
  };
}

async function openHttp2(
  url: string,
  headers: Record<string, string>,
  body: Buffer,
  windowBytes = 65_535,
): Promise<OpenAnswer> {
  const session = http2.connect(url, { settings: { initialWindowSize: windowBytes } });
  session.on('error', () => undefined);
  onTestFinished(() => session.destroy());
  const stream = session.request({ ':method': 'POST', ':path': '/', ...lowerCase(headers) }, { endStream: false });
  stream.on('error', () => undefined);
  stream.end(body);
  const given = await new Promise<http2.IncomingHttpHeaders>((resolve, reject) => {
    stream.once('response', resolve);
    stream.once('error', reject);
    session.once('error', reject);
  });
  stream.once('close', () => session.close());
  return { status: Number(given[':status']), headers: given, body: stream, cut: () => session.destroy() };
}

function follow({ status, headers, body, cut }: OpenAnswer): TestSubscription {
  const decoder = new FrameDecoder();
  const frames: EventFrame[] = [];
  const told: Told[] = [];
  let wake = () => {};
  let failure: unknown;
  const tell = (one: Told): void => {
    told.push(one);
    wake();
  };
  let isOver = false;
  const end = (how: 'in order' | 'cut off'): void => {
    if (isOver) return;
    isOver = true;
    tell({ end: how === 'in order' && decoder.pending === 0 ? 'in order' : 'cut off' });
  };
  body.on('data', (chunk: Buffer) => {
    try {
      for (const frame of decoder.push(chunk)) {
        frames.push(frame);
        if (frame.headers[':event-type'] !== 'initial-response') tell(toldBy(frame));
        else if (frames.length !== 1) throw new Error('An initial response that is not the first frame.');
      }
    } catch (error) {
      failure = error;
      wake();
    }
  });
  body.on('end', () => end('in order'));
  body.on('error', () => end('cut off'));
  body.on('close', () => end('cut off'));

  const next = async (): Promise<Told> => {
    while (told.length === 0 && failure === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (failure !== undefined) throw failure;
    return told.shift()!;
  };
  const event = async (): Promise<ShardEvent> => {
    const one = await next();
    if ('event' in one) return one.event;
    throw new Error(`Not an event but ${JSON.stringify(one)}`);
  };
  return {
    status,
    headers,
    frames,
    next,
    event,
    async records(count) {
      const records: ShardEvent['Records'][number][] = [];
      for (;;) {
        const last = await event();
        records.push(...last.Records);
        if (records.length >= count) return { records, last };
      }
    },
    async ended() {
      for (;;) {
        const one = await next();
        if (!('event' in one)) return one;
      }
    },
    pause: () => void body.pause(),
    resume: () => void body.resume(),
    cut,
  };
}

function toldBy({ headers, payload }: EventFrame): Told {
  if (headers[':message-type'] === 'exception') {
    return { exception: headers[':exception-type']!, message: JSON.parse(payload).message };
  }
  const expected = { ':message-type': 'event', ':event-type': 'SubscribeToShardEvent' };
  for (const [name, value] of Object.entries(expected)) {
    if (headers[name] !== value) throw new Error(`${name} is ${headers[name]}`);
  }
  return { event: JSON.parse(payload) };
}

/** Registers a consumer and advances the clock until it is ACTIVE. Returns its ARN. */
export async function registerConsumer(server: TestServer, stream: string, name = 'reader'): Promise<string> {
  const { StreamDescriptionSummary } = await server.ok('DescribeStreamSummary', { StreamName: stream });
  const { StreamARN } = StreamDescriptionSummary;
  const { Consumer } = await server.ok('RegisterStreamConsumer', { StreamARN, ConsumerName: name });
  server.clock.advance(1000);
  return Consumer.ConsumerARN;
}
