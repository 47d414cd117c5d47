/** The answers of AWS to requests that are in no wire form. They reach no operation. */
import { CBOR_TYPE, codecOf, JSON_TYPE } from './codec.ts';
import type { WireResponse } from './gateway.ts';
import { json } from './json.ts';

export interface Envelope {
  readonly method: string;
  /** Of the Content-Type, without parameters. */
  readonly mediaType: string;
  readonly target: string | undefined;
  /** Whether there is an operation of the name `target`. */
  readonly isTargetKnown: boolean;
  readonly body: Buffer;
}

type Answer = Pick<WireResponse, 'status' | 'body'> & { readonly contentType?: string };

/** An answer without a `contentType` has no such header. */
export function answerUnroutable({ method, mediaType, target, isTargetKnown, body }: Envelope): Answer {
  if (method !== 'POST') return FORBIDDEN;
  if (body.length === 0) {
    const code = isTargetKnown ? 'SerializationException' : 'UnknownOperationException';
    // To whoever does not say JSON, AWS answers in CBOR here.
    const contentType = mediaType === 'application/json' ? JSON_TYPE : CBOR_TYPE;
    return { status: 400, contentType, body: codecOf(contentType)!.encode({ __type: code }) };
  }
  if (mediaType === 'application/json') return answerPlainJson(body);
  return target === undefined ? FORBIDDEN : UNKNOWN_OPERATION;
}

const FORBIDDEN: Answer = {
  status: 403,
  body:
    '<AccessDeniedException>\n' +
    '  <Message>Unable to determine service/operation name to be authorized</Message>\n' +
    '</AccessDeniedException>\n',
};

const UNKNOWN_OPERATION: Answer = { status: 404, body: '<UnknownOperationException/>\n' };

/** AWS answers `application/json`, which no SDK sends, in a form of its own. */
function answerPlainJson(body: Buffer): Answer {
  const answer = (status: number, code: string): Answer => ({
    status,
    contentType: 'application/json',
    body: json.encode({ Output: { __type: `com.amazon.coral.service#${code}` }, Version: '1.0' }),
  });
  try {
    json.parse(body);
  } catch {
    return answer(400, 'SerializationException');
  }
  return answer(404, 'UnknownOperationException');
}
