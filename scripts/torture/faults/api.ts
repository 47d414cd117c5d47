/** Calls to the server under test, one at a time and without retries: scenarios judge what the answers tell. */
import { FIREHOSE, SERVICE, SIGNATURE } from '../../bench/requests.ts';

const TARGETS = { kinesis: SERVICE, firehose: FIREHOSE } as const;
export type Service = keyof typeof TARGETS;

/** Longer than the server ever makes a write wait. */
const TIMEOUT_MS = 10_000;

/** The server answered, but not with 200. */
export class ErrorAnswer extends Error {
  override readonly name = 'ErrorAnswer';
  readonly status: number;
  /** Such as InternalFailure. */
  readonly type: string;

  constructor(status: number, type: string, text: string) {
    super(`${status} ${type}: ${text}`);
    this.status = status;
    this.type = type;
  }
}

/**
 * The answer to one request.
 * @throws ErrorAnswer for anything but 200; the error of `fetch` when there is no answer.
 */
export async function ask<T = object>(url: string, service: Service, operation: string, input: object): Promise<T> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      ...SIGNATURE,
      'Content-Type': 'application/x-amz-json-1.1',
      'X-Amz-Target': `${TARGETS[service]}.${operation}`,
    },
    body: JSON.stringify(input),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const text = await response.text();
  if (response.status === 200) return (text === '' ? {} : JSON.parse(text)) as T;
  const { __type: type = '', message = text } = errorIn(text);
  throw new ErrorAnswer(response.status, type.replace(/^.*#/, ''), message);
}

function errorIn(text: string): { __type?: string; message?: string } {
  try {
    return JSON.parse(text) as object;
  } catch {
    return {};
  }
}

/** Delivers what a delivery stream has buffered; the status tells whether all of it was delivered. */
export async function flush(url: string, deliveryStream: string): Promise<number> {
  const response = await fetch(`${url}/_millrace/delivery-streams/${deliveryStream}/flush`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    signal: AbortSignal.timeout(3 * TIMEOUT_MS),
  });
  await response.arrayBuffer();
  return response.status;
}

/** Waits until a call succeeds, such as a Describe that is to tell ACTIVE. */
export async function eventually(
  what: string,
  isSo: () => Promise<boolean> | boolean,
  limitMs = 10_000,
): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`Waited ${limitMs} ms in vain: ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
