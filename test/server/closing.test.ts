/** Stopping: what waits for nothing is closed at once, what is in progress is answered, what never ends is cut off. */
import net from 'node:net';
import { describe, expect, it } from 'vitest';
import { createOnePort, type HttpResponse, type OnePort } from '../../src/server/one-port.ts';
import { askHttp1, askHttp2, type HttpAnswer, oneConnection, openHttp2 } from '../support/http-client.ts';
import { createTestLog } from '../support/log.ts';
import { createManualClock, type ManualClock } from '../support/manual-clock.ts';
import { openSocket } from '../support/raw-socket.ts';

const GRACE_MS = 3000;
/** The pause between two looks at idle connections while the port closes. */
const REAP_MS = 50;

/** A port whose answers wait until the test lets them go. */
class HeldPort {
  readonly clock: ManualClock = createManualClock();
  readonly port: OnePort;
  url = '';
  #waiting: HttpResponse[] = [];
  #arrived: () => void = () => undefined;

  constructor() {
    const onRequest = (_request: unknown, response: HttpResponse) => {
      this.#waiting.push(response);
      this.#arrived();
    };
    this.port = createOnePort(onRequest, { clock: this.clock, log: createTestLog(), identity: undefined });
  }

  static async start(): Promise<HeldPort> {
    const held = new HeldPort();
    held.url = `http://127.0.0.1:${await held.port.listen(0, '127.0.0.1')}`;
    return held;
  }

  /** Resolves when `count` requests wait for their answers. */
  async requests(count: number): Promise<void> {
    while (this.#waiting.length < count) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
  }

  answerAll(body: string | Buffer = 'hello'): void {
    for (const response of this.#waiting.splice(0)) response.end(body);
  }

  /** Sends a request with `ask` and answers it. */
  async answered(ask: () => Promise<HttpAnswer>): Promise<void> {
    const asking = ask();
    await this.requests(1);
    this.answerAll();
    expect((await asking).text).toBe('hello');
  }
}

/** What became of `closing` after it had many chances, `looks` of them, to end without its grace time. */
const outcomeOf = (closing: Promise<void>, clock: ManualClock, looks = 30) =>
  Promise.race([closing.then(() => 'closed'), clock.ran(REAP_MS, looks).then(() => 'waits for the grace time')]);

describe('a port that closes', () => {
  it('does not wait when nobody is connected', async () => {
    const { port, clock } = await HeldPort.start();
    expect(await outcomeOf(port.close(GRACE_MS), clock)).toBe('closed');
  });

  it('does not wait for idle keep-alive connections', async () => {
    const held = await HeldPort.start();
    const agents = [oneConnection(), oneConnection()];
    for (const agent of agents) await held.answered(() => askHttp1(held.url, {}, agent));
    expect(await outcomeOf(held.port.close(GRACE_MS), held.clock)).toBe('closed');
  });

  it('sends to its end what a client has not read yet', async () => {
    const held = await HeldPort.start();
    const socket = net.connect(Number(new URL(held.url).port), '127.0.0.1');
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await held.requests(1);
    // More than the system takes for a connection.
    const bytes = 32 * 1024 * 1024;
    held.answerAll(Buffer.alloc(bytes));
    const closing = held.port.close(GRACE_MS);
    expect(await outcomeOf(closing, held.clock, 3)).toBe('waits for the grace time');
    let received = 0;
    socket.on('data', (chunk) => {
      received += chunk.length;
    });
    socket.on('error', () => undefined);
    const ended = new Promise((resolve) => socket.once('close', resolve));
    socket.resume();
    // The connection is closed by a later look.
    while (received < bytes && !socket.destroyed) await new Promise((resolve) => setImmediate(resolve));
    expect(received).toBeGreaterThan(bytes);
    // Reading took some looks, on a slow machine many.
    expect(await outcomeOf(closing, held.clock, 400)).toBe('closed');
    await ended;
  });

  it('does not wait for HTTP/2 sessions without streams, used or not', async () => {
    const held = await HeldPort.start();
    const used = openHttp2(held.url);
    await held.answered(() => askHttp2(used, {}));
    const unused = openHttp2(held.url);
    await new Promise((resolve) => unused.once('remoteSettings', resolve));
    expect(await outcomeOf(held.port.close(GRACE_MS), held.clock)).toBe('closed');
  });

  it.each([
    ['nothing', ''],
    ['a part of the HTTP/2 preface', 'PRI * HT'],
  ])('does not wait for a connection that said %s', async (_title, bytes) => {
    const held = await HeldPort.start();
    const socket = await openSocket(held.url);
    await socket.send(bytes);
    await held.answered(() => askHttp1(held.url, {}));
    expect(await outcomeOf(held.port.close(GRACE_MS), held.clock)).toBe('closed');
  });

  it('does not leave timers behind', async () => {
    const held = await HeldPort.start();
    await held.answered(() => askHttp1(held.url, {}));
    await held.port.close(GRACE_MS);
    expect(held.clock.waiting(GRACE_MS)).toBe(0);
  });

  it('takes no new connections', async () => {
    const held = await HeldPort.start();
    const asking = askHttp1(held.url, {});
    await held.requests(1);
    const closing = held.port.close(GRACE_MS);
    const code = await new Promise((resolve) => {
      const socket = net.connect(Number(new URL(held.url).port), '127.0.0.1');
      socket.once('connect', () => resolve('connected'));
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    });
    expect(code).toBe('ECONNREFUSED');
    held.answerAll();
    await Promise.all([asking, closing]);
  });

  it('answers the requests that are in progress, on both protocols, and ends right after them', async () => {
    const held = await HeldPort.start();
    const agent = oneConnection();
    const session = openHttp2(held.url);
    const asking = [
      askHttp1(held.url, { body: '{}' }, agent),
      askHttp1(held.url, {}),
      askHttp2(session, { body: '{}' }),
      askHttp2(session, {}),
    ];
    await held.requests(4);
    let hasClosed = false;
    const closing = held.port.close(GRACE_MS).then(() => {
      hasClosed = true;
    });
    await held.clock.ran(REAP_MS, 2);
    expect(hasClosed, 'it closed while requests were in progress').toBe(false);
    held.answerAll();
    const answers = await Promise.all(asking);
    expect(answers.map(({ status, text }) => [status, text])).toEqual(Array.from({ length: 4 }, () => [200, 'hello']));
    expect(await outcomeOf(closing, held.clock)).toBe('closed');
  });

  it('cuts off, after the grace time, what does not end', async () => {
    const held = await HeldPort.start();
    const session = openHttp2(held.url);
    const endless = [askHttp1(held.url, {}), askHttp2(session, {})].map((asking) =>
      asking.then(
        () => 'answered',
        () => 'cut off',
      ),
    );
    const halfSaid = await openSocket(held.url);
    await halfSaid.send('POST / HTTP/1.1\r\nHost: local');
    await held.requests(2);
    const closing = held.port.close(GRACE_MS);
    expect(held.clock.waiting(GRACE_MS)).toBe(1);
    held.clock.fire(GRACE_MS);
    await closing;
    // A stream that was destroyed with its session ends like an answer without a status.
    expect((await Promise.all(endless))[0]).toBe('cut off');
    expect(await halfSaid.closed).toBe('');
  });
});
