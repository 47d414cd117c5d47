import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { ObjectStore, ObjectToStore } from '../../../src/firehose/objects/object-store.ts';
import { openS3Store } from '../../../src/firehose/objects/s3-store.ts';
import { startS3Server } from '../../support/s3-server.ts';

const never = new AbortController().signal;

function object(key: string, ...chunks: (string | Buffer)[]): ObjectToStore {
  return {
    bucket: 'logs',
    key,
    content: async function* () {
      for (const chunk of chunks) yield Buffer.from(chunk);
    },
    contentType: 'application/octet-stream',
    contentEncoding: undefined,
    kmsKeyArn: undefined,
    region: 'eu-west-1',
  };
}

async function opened(url: string): Promise<ObjectStore> {
  const store = await openS3Store(url);
  onTestFinished(() => store.close());
  return store;
}

/** A client of the test's own, to look at what is stored. */
function clientOf(url: string): S3Client {
  const client = new S3Client({ endpoint: url, region: 'us-east-1', forcePathStyle: true });
  onTestFinished(() => client.destroy());
  return client;
}

it('stores the bytes with their headers', async () => {
  const { url, requests } = await startS3Server('logs');
  const store = await opened(url);
  const bytes = Buffer.concat(
    Array.from({ length: 40_000 }, (_, index) => createHash('sha512').update(`${index}`).digest()),
  );
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const md5 = createHash('md5').update(bytes).digest('hex');
  const stored = await store.put(
    { ...object('2026/11/orders.gz', bytes.subarray(0, 9), '', bytes.subarray(9)), contentEncoding: 'gzip' },
    never,
  );
  expect(stored).toEqual({ sizeBytes: bytes.length, sha256, md5, path: null });
  expect(store.place).toBe(url);

  const answer = await clientOf(url).send(new GetObjectCommand({ Bucket: 'logs', Key: '2026/11/orders.gz' }));
  expect(answer).toMatchObject({
    ContentType: 'application/octet-stream',
    ContentEncoding: 'gzip',
    ETag: `"${md5}"`,
    ContentLength: bytes.length,
  });
  expect(Buffer.from(await answer.Body!.transformToByteArray()).equals(bytes)).toBe(true);
  expect(requests[0]).toMatchObject({ 'x-amz-content-sha256': sha256, 'content-length': `${bytes.length}` });
  expect(requests[0]!.authorization).toMatch(/Credential=S3RVER\/\d{8}\/eu-west-1\/s3\/aws4_request/);
  expect(requests[0]).not.toHaveProperty('x-amz-server-side-encryption');
});

it('asks for encryption with a key of KMS', async () => {
  const { url, requests } = await startS3Server('logs');
  const kmsKeyArn = 'arn:aws:kms:eu-west-1:000000000000:key/1';
  await (await opened(url)).put({ ...object('a', 'b'), kmsKeyArn }, never);
  expect(requests[0]).toMatchObject({
    'x-amz-server-side-encryption': 'aws:kms',
    'x-amz-server-side-encryption-aws-kms-key-id': kmsKeyArn,
  });
  expect(requests[0]).not.toHaveProperty('content-encoding');
});

it('signs for the region of each object', async () => {
  const { url, requests } = await startS3Server('logs');
  const store = await opened(url);
  await store.put({ ...object('a', 'b'), region: 'ap-south-1' }, never);
  await store.put(object('a', 'b'), never);
  expect(requests.map(({ authorization }) => /\/([a-z]+-[a-z]+-\d)\//.exec(authorization!)?.[1])).toEqual([
    'ap-south-1',
    'eu-west-1',
  ]);
});

it.each(["day=1/a b+c:d~!*'()/é€😀&$@,;?#[]|", 'a%20b/%2F', 'dots/.../a..b', 'x'.repeat(200)])(
  'keeps the key %j, and one object when it is stored again',
  async (key) => {
    const { url } = await startS3Server('logs');
    const store = await opened(url);
    await store.put(object(key, 'first'), never);
    await store.put(object(key, 'first'), never);
    const client = clientOf(url);
    const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: 'logs' }));
    expect(Contents?.map(({ Key }) => Key)).toEqual([key]);
    const { Body } = await client.send(new GetObjectCommand({ Bucket: 'logs', Key: key }));
    expect(await Body!.transformToString()).toBe('first');
  },
);

it('stores an empty object', async () => {
  const { url } = await startS3Server('logs');
  expect(await (await opened(url)).put(object('empty'), never)).toMatchObject({ sizeBytes: 0 });
});

const sentence = (reason: string) => new Error(`An object could not be stored in the S3 bucket logs: ${reason}.`);

it('names the code of an error and the bucket, and no credentials', async () => {
  const { url } = await startS3Server('other');
  const store = await opened(url);
  await expect(store.put(object('a', 'b'), never)).rejects.toThrow(sentence('NoSuchBucket'));
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIACANARY');
  const failure = await (await opened(url)).put(object('a', 'b'), never).catch((error: Error) => error);
  expect(failure).toEqual(sentence('InvalidAccessKeyId'));
  expect(JSON.stringify([failure, Object.getOwnPropertyDescriptors(failure)])).not.toContain('AKIACANARY');
});

it('tries twice when the server has a fault, and names it', async () => {
  await startS3Server();
  let asked = 0;
  const server = createServer((request, response) => {
    asked++;
    request.resume().once('end', () => {
      response.writeHead(503, { 'content-type': 'application/xml' });
      response.end('<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Wait.</Message></Error>');
    });
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await expect((await opened(url)).put(object('a', 'b'), never)).rejects.toThrow(sentence('SlowDown'));
  expect(asked).toBe(2);
});

it('says when nobody listens', async () => {
  await startS3Server();
  await expect((await opened('http://127.0.0.1:1')).put(object('a', 'b'), never)).rejects.toThrow(
    sentence('ECONNREFUSED'),
  );
});

it('passes on the error of the content, and sends nothing', async () => {
  const { url, requests } = await startS3Server('logs');
  const error = new Error('the rows are damaged');
  const content = async function* () {
    yield Buffer.from('half');
    throw error;
  };
  await expect((await opened(url)).put({ ...object('a'), content }, never)).rejects.toBe(error);
  expect(requests).toEqual([]);
});

it('stops when it is aborted, also while the server is silent', async () => {
  await startS3Server();
  const controller = new AbortController();
  const server = createServer(() => controller.abort(new Error('stopping'))).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const store = await opened(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await expect(store.put(object('a', 'b'), controller.signal)).rejects.toThrow('stopping');
});

it('is refused with the way out when the SDK is not installed', async () => {
  const missing = async () => {
    throw Object.assign(new Error("Cannot find package '@aws-sdk/client-s3'"), { code: 'ERR_MODULE_NOT_FOUND' });
  };
  await expect(openS3Store('http://127.0.0.1:1', missing)).rejects.toMatchObject({
    name: 'Refusal',
    reason: 'badSetting',
    message: 'S3_ENDPOINT needs the package @aws-sdk/client-s3; install it with: npm install @aws-sdk/client-s3',
  });
  const broken = async () => {
    throw new Error('the package is damaged');
  };
  await expect(openS3Store('http://127.0.0.1:1', broken)).rejects.toThrow('the package is damaged');
});

it('reads objects back, and names what is not there', async () => {
  const { url } = await startS3Server('logs');
  const store = await opened(url);
  const bytes = Buffer.alloc(1_500_000, 'abc');
  await store.put(object('a b/ü.json', bytes), never);
  const get = async (key: string, signal = never) => {
    const chunks: Buffer[] = [];
    for await (const chunk of store.get({ bucket: 'logs', key, region: 'eu-west-1' }, signal)) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  expect((await get('a b/ü.json')).equals(bytes)).toBe(true);
  await expect(get('none')).rejects.toThrow('The object s3://logs/none cannot be read: NoSuchKey.');
  await expect(get('a b/ü.json', AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped');
});
