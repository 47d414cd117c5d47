/** The fields of an instant in a time zone. Pure. */

export interface LocalTime {
  readonly instantMs: number;
  /** IANA name. */
  readonly timeZone: string;
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  /** 1 is 1 January. */
  readonly dayOfYear: number;
  readonly daysInYear: number;
  /** Days since 17 November 1858. */
  readonly modifiedJulianDay: number;
  /** East of Greenwich. */
  readonly offsetMinutes: number;
}

const DAY_MS = 86_400_000;
const EPOCH_MODIFIED_JULIAN_DAY = 40_587;

/** Making a formatter takes a hundred times as long as using it. There are some four hundred zones. */
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(timeZone: string): Intl.DateTimeFormat {
  let formatter = formatters.get(timeZone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formatters.set(timeZone, formatter);
  }
  return formatter;
}

export function localTime(instantMs: number, timeZone: string): LocalTime {
  const parts = formatterOf(timeZone).formatToParts(instantMs);
  const field = (type: Intl.DateTimeFormatPartTypes) => Number(parts.find((part) => part.type === type)!.value);
  const [year, month, day] = [field('year'), field('month'), field('day')];
  const [hour, minute, second] = [field('hour'), field('minute'), field('second')];
  const dayMs = Date.UTC(year, month - 1, day);
  const newYearMs = Date.UTC(year, 0, 1);
  const localMs = dayMs + ((hour * 60 + minute) * 60 + second) * 1000;
  return {
    ...{ instantMs, timeZone, year, month, day, hour, minute, second },
    weekday: new Date(dayMs).getUTCDay(),
    dayOfYear: (dayMs - newYearMs) / DAY_MS + 1,
    daysInYear: (Date.UTC(year + 1, 0, 1) - newYearMs) / DAY_MS,
    modifiedJulianDay: dayMs / DAY_MS + EPOCH_MODIFIED_JULIAN_DAY,
    offsetMinutes: Math.round((localMs - Math.floor(instantMs / 1000) * 1000) / 60_000),
  };
}

type ZoneForm = 'short' | 'long' | 'shortGeneric' | 'longGeneric';

/**
 * The name of a time's zone. Where English has no abbreviation for a zone, this is `GMT+5:30`; Java's own tables have
 * abbreviations for some of those.
 */
export function zoneName({ instantMs, timeZone }: LocalTime, form: ZoneForm): string {
  if (timeZone === 'UTC') return form.startsWith('long') ? 'Coordinated Universal Time' : 'UTC';
  const formatter = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: form });
  return formatter.formatToParts(instantMs).find(({ type }) => type === 'timeZoneName')!.value;
}
