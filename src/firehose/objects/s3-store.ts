/**
 * An S3 server as the store of objects, for those who set S3_ENDPOINT. The SDK is large and few need it: it is loaded
 * here, when a store is opened, and installed by whoever wants one.
 */
import type { PutObjectCommandInput, S3Client } from '@aws-sdk/client-s3';
import { Refusal } from '../../refusal.ts';
import {
  contentPieces,
  newMeasure,
  type ObjectAddress,
  type ObjectStore,
  type ObjectToStore,
  type StoredObject,
} from './object-store.ts';

type Sdk = Pick<typeof import('@aws-sdk/client-s3'), 'S3Client' | 'PutObjectCommand' | 'GetObjectCommand'>;

const CONNECT_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;
/** Per put, the first included; whoever delivers tries again later anyway. */
const ATTEMPTS = 2;

/**
 * The store at `endpoint`, a URL. Credentials come from where the SDK looks for them: environment, profile, container.
 * An object is in memory as a whole while it is sent.
 * @throws Refusal `badSetting` when the SDK is not installed
 */
export async function openS3Store(
  endpoint: string,
  load: () => Promise<Sdk> = () => import('@aws-sdk/client-s3'),
): Promise<ObjectStore> {
  const sdk = await load().catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Refusal(
      'badSetting',
      'S3_ENDPOINT needs the package @aws-sdk/client-s3; install it with: npm install @aws-sdk/client-s3',
    );
  });
  const clients = new Map<string, S3Client>();
  const clientOf = (region: string) => {
    const client = clients.get(region) ?? newClient(sdk, endpoint, region);
    clients.set(region, client);
    return client;
  };
  return {
    place: endpoint,
    put: (object, signal) => put(sdk, clientOf(object.region), object, signal),
    get: (address, signal) => get(sdk, clientOf(address.region), address, signal),
    async close() {
      for (const client of clients.values()) client.destroy();
    },
  };
}

function newClient(sdk: Sdk, endpoint: string, region: string): S3Client {
  return new sdk.S3Client({
    endpoint,
    region,
    // Buckets in the path: the endpoint's name need not resolve with the bucket's in front of it.
    forcePathStyle: true,
    // Not every server knows the newer checksums.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    maxAttempts: ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      // Otherwise the SDK only writes a warning.
      throwOnRequestTimeout: true,
    },
  });
}

async function put(sdk: Sdk, client: S3Client, object: ObjectToStore, signal: AbortSignal): Promise<StoredObject> {
  const measure = newMeasure();
  const pieces: Buffer[] = [];
  for await (const piece of contentPieces(object, signal)) {
    measure.add(piece);
    pieces.push(piece);
  }
  const fingerprint = measure.fingerprint();
  const command = new sdk.PutObjectCommand(requestOf(object, Buffer.concat(pieces)));
  // The signature takes this hash; otherwise the SDK would hash the whole body once more, at one go.
  command.middlewareStack.add(
    (next) => (args) => {
      const { headers } = args.request as { headers: Record<string, string> };
      headers['x-amz-content-sha256'] = fingerprint.sha256;
      return next(args);
    },
    { step: 'build' },
  );
  try {
    await client.send(command, { abortSignal: signal });
  } catch (error) {
    signal.throwIfAborted();
    // Without the original: what the SDK hangs on it may hold parts of the credentials.
    throw new Error(`An object could not be stored in the S3 bucket ${object.bucket}: ${codeOf(error)}.`);
  }
  return { ...fingerprint, path: null };
}

async function* get(
  sdk: Sdk,
  client: S3Client,
  { bucket, key }: ObjectAddress,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  try {
    const command = new sdk.GetObjectCommand({ Bucket: bucket, Key: key });
    const { Body } = await client.send(command, { abortSignal: signal });
    yield* Body as AsyncIterable<Buffer>;
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(`The object s3://${bucket}/${key} cannot be read: ${codeOf(error)}.`);
  }
}

function requestOf(object: ObjectToStore, body: Buffer): PutObjectCommandInput {
  return {
    Bucket: object.bucket,
    Key: object.key,
    Body: body,
    ContentType: object.contentType,
    ...(object.contentEncoding !== undefined && { ContentEncoding: object.contentEncoding }),
    ...(object.kmsKeyArn !== undefined && { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: object.kmsKeyArn }),
  };
}

/** The code of S3's error, such as NoSuchBucket, or of what happened on the way there, such as ECONNREFUSED. */
function codeOf(error: unknown): string {
  const { code, Code, name } = error as { code?: unknown; Code?: unknown; name?: unknown };
  return `${Code ?? code ?? name ?? 'an unknown error'}`;
}
