/** What people read about the settings, made from their table. */
import { flagOf, SETTINGS } from './settings.ts';

/** The flag that starts the server although acknowledged data is missing. */
export const ACCEPT_DATA_LOSS = 'accept-data-loss';

/** The text of `--help`. */
export function usage(version: string): string {
  const lines = Object.values(SETTINGS).map(({ name, fallback, help, aliases }) => {
    const notes = [fallback === '' ? [] : `default ${fallback}`, aliases.length ? `also ${aliases.join(', ')}` : []];
    return `  --${flagOf(name)}, ${name}\n      ${help} (${notes.flat().join('; ') || 'default: none'})`;
  });
  return `Millrace ${version}: a local Amazon Kinesis and Firehose that keeps its data.

Usage: millrace [--setting value]...

Each setting is a flag, an environment variable, or a line of the file .env in the working directory:

${lines.join('\n')}
  --${ACCEPT_DATA_LOSS}
      Start once although acknowledged data is missing; what is missing becomes a row of the table incidents.
  --help, --version
`;
}

/** The text of `.env.example`. */
export function envExample(): string {
  const entries = Object.values(SETTINGS).map(
    ({ name, fallback, help, expects, aliases }) =>
      `# ${help}\n# ${capitalised(expects)}.${aliases.length ? ` Also read from ${aliases.join(', ')}.` : ''}\n` +
      `#${name}=${/[\s*]/.test(fallback) ? `"${fallback}"` : fallback}\n`,
  );
  return `# Millrace's settings with their defaults. Copy to .env and uncomment what you change.\n# Made by npm run generate.\n\n${entries.join('\n')}`;
}

/** The README's table of settings, in Markdown. */
export function settingsTable(): string {
  const rows = Object.values(SETTINGS).map(
    ({ name, fallback, help, aliases }) =>
      `| \`${name}\` | ${fallback === '' ? '' : `\`${fallback}\``} | ${help}${aliases.length ? ` Also: ${aliases.map((alias) => `\`${alias}\``).join(', ')}.` : ''} |`,
  );
  return ['| Setting | Default | Meaning |', '|---|---|---|', ...rows].join('\n');
}

const capitalised = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
