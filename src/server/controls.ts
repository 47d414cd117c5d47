/** What can be done beside AWS's API, by POST below a path of our own. */
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { CONTROL_PATH } from './control-path.ts';

/** Which delivery stream somebody means; without account or region those of the settings are meant. */
export interface FlushTarget {
  readonly name: string;
  readonly account: string | undefined;
  readonly region: string | undefined;
}

export interface Controls {
  /** Delivers what a delivery stream has buffered; undefined when there is none of that name. */
  flush(target: FlushTarget): Promise<{ readonly deliveries: readonly { readonly state: string }[] } | undefined>;
  /** Copies the whole database, as it is now, into a file. */
  snapshot(): Promise<{ readonly path: string; readonly bytes: number }>;
  /** Runs SQL in an embedded database that plays Redshift, which is made if need be; undefined for what is no name. */
  runSql(database: string, sql: string): Promise<readonly object[] | undefined>;
}

const NO_DELIVERY_STREAM =
  'There is no delivery stream of this name; add ?account= and ?region= if it is not in the default ones.';

/** Longer scripts are for tools. */
const sqlBody = express.text({ type: 'application/sql', limit: '1mb' });

/** JSON has no integers of 64 bits that all readers keep; they are written as texts. */
const withoutBigInt = (_name: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);

const NO_DATABASE_NAME = 'Names of databases consist of letters, digits and _ $ -, as they stand in a ClusterJDBCURL.';

const textOf = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);

/** Any other path below CONTROL_PATH is refused, and with `controls` undefined all are: clients cannot sign them. */
export function addControls(app: Express, controls: Controls | undefined): void {
  if (controls !== undefined) addRoutes(app, controls);
  const [status, message] =
    controls === undefined
      ? [403, 'There are no controls with AUTH=strict: nobody could sign them.']
      : [404, 'There is no such control.'];
  app.post(new RegExp(`^${CONTROL_PATH}`), (_request, response) => {
    response.status(status).json({ message });
  });
}

/** Any other type could be sent by a form of a web page. */
function assertJson(request: Request, response: Response, next: NextFunction): void {
  if (/^application\/json\b/.test(request.headers['content-type'] ?? '')) return next();
  response.status(415).json({ message: 'Send it with the header Content-Type: application/json.' });
}

function addRoutes(app: Express, controls: Controls): void {
  app.post(`${CONTROL_PATH}snapshot`, assertJson, async (_request, response) => {
    try {
      response.json(await controls.snapshot());
    } catch (error) {
      response.status(500).json({ message: `The snapshot could not be made: ${(error as Error).message}.` });
    }
  });
  app.post(`${CONTROL_PATH}delivery-streams/:name/flush`, assertJson, async (request, response) => {
    const { account, region } = request.query;
    const report = await controls.flush({
      name: request.params.name as string,
      account: textOf(account),
      region: textOf(region),
    });
    if (report === undefined) response.status(404).json({ message: NO_DELIVERY_STREAM });
    else response.status(report.deliveries.every(({ state }) => state === 'DELIVERED') ? 200 : 502).json(report);
  });
  app.post(`${CONTROL_PATH}redshift/:database/query`, sqlBody, async (request, response) => {
    // Without a parser for it the body is no text: again, what forms of web pages can send.
    const sql: unknown = request.body;
    if (typeof sql !== 'string') {
      response.status(415).json({ message: 'Send SQL with the header Content-Type: application/sql.' });
      return;
    }
    try {
      const results = await controls.runSql(request.params.database!, sql);
      if (results === undefined) response.status(404).json({ message: NO_DATABASE_NAME });
      else response.type('json').send(JSON.stringify({ results }, withoutBigInt));
    } catch (error) {
      response.status(400).json({ message: (error as Error).message });
    }
  });
}
