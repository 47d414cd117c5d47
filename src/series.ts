/** What services tell the metrics: families of values that are computed when somebody looks. */

export interface Series {
  readonly name: string;
  readonly help: string;
  /** Whether it only grows. */
  readonly kind: 'counter' | 'gauge';
  readonly labels: readonly string[];
  /** A label that is undefined is left out. */
  collect(): readonly { readonly labels: Readonly<Record<string, string | undefined>>; readonly value: number }[];
}
