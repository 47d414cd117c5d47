/** What became of a server that was started on a data directory which may be damaged, and whether that was right. */
import type { Context, Violation } from '../scenario.ts';
import { attempt, logged, sentenceIn } from './attempt.ts';
import { type Copy, DATA_FILE } from './damage.ts';
import { type Audit, audit, type Receipts } from './receipts.ts';

export const EXIT = { newerData: 3, damagedData: 5, dataNotUsable: 7, dataMissing: 9 } as const;
const DOCUMENTED = new Set<number>(Object.values(EXIT));

export type Outcome =
  | {
      readonly kind: 'refused';
      readonly code: number | null;
      readonly sentence: string | undefined;
      readonly stderr: string;
    }
  | { readonly kind: 'hung' }
  /** It was ready, and ended while it was read. */
  | { readonly kind: 'ended'; readonly code: number | null; readonly audit: Audit; readonly stderr: string }
  | { readonly kind: 'served'; readonly audit: Audit; readonly stderr: string };

export interface Allowed {
  /** Exit codes with which the start may be refused. */
  readonly refusals?: readonly number[];
  /** What the sentence of the refusal must name. */
  readonly names?: RegExp;
  /** whole: all that was acknowledged; refusing: all but some records, whose reading is refused; honest: either. */
  readonly serves?: 'whole' | 'refusing' | 'honest';
  /** What the log must tell when it serves. */
  readonly logs?: RegExp;
  /** Whether it may serve first and end with `damagedData` when it meets the damage. */
  readonly mayEnd?: boolean;
}

/** Whatever the damage is: refuse, or serve correct data and refuse what is damaged; never less, never wrong. */
export const ANY_HONEST: Allowed = { refusals: [...DOCUMENTED], names: /./, serves: 'honest', mayEnd: true };

export async function startAndAudit(
  copy: Copy,
  receipts: Receipts,
  { build, cleanup }: Context,
  flags: readonly string[] = [],
): Promise<Outcome> {
  const result = await attempt({ build, dataDir: copy.directory, flags }, cleanup);
  if (result.kind === 'hung') return result;
  if (result.kind === 'ended') {
    const { exit, stderr } = result;
    return { kind: 'refused', code: exit.code, sentence: sentenceIn(stderr), stderr };
  }
  const { server } = result;
  const found = await audit(server.url, copy.directory, receipts);
  if (found.gone === undefined) {
    await server.end('SIGKILL');
    return { kind: 'served', audit: found, stderr: server.stderr() };
  }
  const { code } = await Promise.race([server.exited, stillThere()]);
  if (code === null) await server.end('SIGKILL');
  return { kind: 'ended', code, audit: found, stderr: server.stderr() };
}

const STILL_THERE_MS = 5000;
const stillThere = () =>
  new Promise<{ code: null }>((resolve) => setTimeout(() => resolve({ code: null }), STILL_THERE_MS).unref());

/** What is wrong with an outcome; `before` is the copy's fingerprint before the start. */
export function judge(
  outcome: Outcome,
  allowed: Allowed,
  { copy, before }: { copy: Copy; before: string },
): Violation[] {
  switch (outcome.kind) {
    case 'hung':
      return [broken('Refusal', 'The start neither became ready nor ended.')];
    case 'refused':
      return judgeRefusal(outcome, allowed, { copy, before });
    case 'ended':
      return [...wrongIn(outcome.audit), ...judgeEnd(outcome, allowed)];
    case 'served':
      return [...wrongIn(outcome.audit), ...judgeService(outcome, allowed)];
  }
}

type Of<K extends Outcome['kind']> = Extract<Outcome, { kind: K }>;

function judgeRefusal(
  { code, sentence, stderr }: Of<'refused'>,
  { refusals = [], names = /millrace\.db/ }: Allowed,
  { copy, before }: { copy: Copy; before: string },
): Violation[] {
  const violations: Violation[] = [];
  if (!refusals.includes(code ?? -1)) {
    violations.push(broken('Refusal', `Ended with ${code} where ${wanted(refusals)}: ${stderr.slice(0, 300)}`));
  } else if (sentence === undefined || !names.test(sentence)) {
    violations.push(
      broken('Refusal', `The refusal should be one sentence that names ${names}: ${stderr.slice(0, 300)}`),
    );
  }
  if (copy.fingerprint() !== before) {
    violations.push(broken('Untouched', `A start that was refused changed ${copy.path(DATA_FILE)} or its WAL.`));
  }
  return violations;
}

const wanted = (codes: readonly number[]) =>
  codes.length === 0 ? 'it should serve' : `${codes.join(' or ')} was expected`;

const wrongIn = ({ wrong }: Audit): Violation[] => wrong.slice(0, 5).map((message) => broken('BytesEqual', message));

/** Only damage that is met may end a server that was ready, and it has to say so. */
function judgeEnd({ code, stderr }: Of<'ended'>, { mayEnd = false }: Allowed): Violation[] {
  const isTold = sentenceIn(stderr) !== undefined;
  if (mayEnd && code === EXIT.damagedData && isTold) return [];
  return [broken('Refusal', `The server was ready, then ended with ${code}: ${stderr.slice(-300)}`)];
}

function judgeService({ audit: found, stderr }: Of<'served'>, { serves, refusals = [], logs }: Allowed): Violation[] {
  const violations: Violation[] = [];
  if (found.missing > 0) {
    violations.push(broken('NoLoss', `${found.missing} acknowledged records are missing, and nothing was said.`));
  } else if (serves === undefined) {
    violations.push(broken('Refusal', `The start should have been refused with ${refusals.join(' or ')}; it served.`));
  }
  if (serves === 'whole' && found.refused > 0) {
    violations.push(broken('NoLoss', `${found.refused} records could not be read.`));
  }
  if (serves === 'refusing' && found.refused === 0) {
    violations.push(broken('BytesEqual', 'The damaged record should have been refused; nothing was.'));
  }
  if (logs !== undefined && logged(stderr, logs).length === 0) {
    violations.push(broken('Reported', `The log should tell ${logs}: ${stderr.slice(0, 300)}`));
  }
  return violations;
}

const broken = (guarantee: string, message: string): Violation => ({ guarantee, message });
