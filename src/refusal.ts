/** Why a start cannot go on, or a run cannot continue: one sentence for the user and a documented exit code. */

/** The exit codes of the `millrace` command. README lists them; scripts may rely on them. */
export const EXIT_CODES = {
  clean: 0,
  failure: 1,
  badSetting: 2,
  newerData: 3,
  dataInUse: 4,
  damagedData: 5,
  portInUse: 6,
  dataNotUsable: 7,
  diskFailed: 8,
  dataMissing: 9,
  dataReplaced: 10,
} as const;

export type ExitReason = keyof typeof EXIT_CODES;

export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reason: ExitReason;

  /** `message` is a whole sentence that names the setting or the fix. */
  constructor(reason: ExitReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }

  get exitCode(): number {
    return EXIT_CODES[this.reason];
  }
}
