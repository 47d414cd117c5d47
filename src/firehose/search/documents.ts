/** Records as documents of an index. Pure. */
import { isUtf8 } from 'node:buffer';
import type { BufferedRecord } from '../buffer-log.ts';
import type { SearchPlan } from './batches.ts';
import { indexNameOf } from './index-name.ts';

export interface Document {
  /** Of its record in the buffer. */
  readonly position: number;
  /** Always the same for the same record. Undefined: the cluster chooses. */
  readonly id: string | undefined;
  readonly index: string;
  /** Empty: none. */
  readonly type: string;
  /** JSON in one line. */
  readonly body: string;
  readonly arrivedMs: number;
}

/** What became of a document. */
export interface Outcome {
  readonly position: number;
  /** Undefined when it is in the index. */
  readonly error?: {
    /** An HTTP status. */
    readonly code: string;
    readonly message: string;
    /** Whether it would happen again. */
    readonly isFinal: boolean;
  };
}

/** The id and the index that a record has or would have. */
export const nameOf = (
  { position, arrivedMs }: Pick<BufferedRecord, 'position' | 'arrivedMs'>,
  // The arrival, because after the restoration of an older copy of the database positions are given out again.
  { idPrefix, idFormat, indexName, rotation }: SearchPlan,
): Pick<Document, 'id' | 'index'> => ({
  id: idFormat === 'FIREHOSE_DEFAULT' ? `${idPrefix}.${arrivedMs}.${position}` : undefined,
  index: indexNameOf(indexName, rotation, arrivedMs),
});

/** A record as a document; or what is wrong with it, before it can spoil the request in which it would be sent. */
export function documentOf(record: BufferedRecord, plan: SearchPlan): Document | Outcome {
  const { position, arrivedMs, data } = record;
  const body = isUtf8(data) ? data.toString().trim() : undefined;
  const problem = body === undefined ? 'it is not UTF-8' : problemOf(body);
  if (problem !== undefined) return { position, error: unparsable(problem) };
  return { position, arrivedMs, ...nameOf(record, plan), type: plan.typeName, body: body! };
}

export const isDocument = (one: Document | Outcome): one is Document => 'body' in one;

function problemOf(body: string): string | undefined {
  // A request has one document per line: a line break would make two lines of one.
  if (/[\r\n]/.test(body)) return 'it is not a single line';
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? undefined : 'it is not a JSON object';
  } catch {
    return 'it is not JSON';
  }
}

/** As a cluster says it. */
const unparsable = (problem: string) => ({
  code: '400',
  message: JSON.stringify({ type: 'mapper_parsing_exception', reason: `failed to parse: ${problem}` }),
  isFinal: true,
});
