/**
 * Makes a bare clone ready to run: installs the dependencies and compiles, but only what changed since the last time.
 * Runs before `npm start` and `npm test`. Node's own modules only, because nothing else may be there yet.
 *
 * READY_SKIP=1 skips everything, for images that were built beforehand.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const lock = join(root, '.ready.lock');
const LOCK_STALE_MS = 30_000;
const HEARTBEAT_MS = 5000;

const steps = [
  {
    stamp: join(root, 'node_modules', '.ready'),
    // The native module is built for one Node ABI, platform and architecture.
    key: () => digest(['package.json', 'package-lock.json'], process.versions.modules, process.platform, process.arch),
    run: install,
  },
  {
    stamp: join(root, 'dist', '.ready'),
    key: () =>
      digest([
        'package-lock.json',
        'tsconfig.json',
        ...sources('src'),
        ...sources('migrations'),
        ...sources('scripts'),
      ]),
    run: build,
  },
];

const pending = () => steps.filter(({ stamp, key }) => read(stamp) !== key());

if (process.env.READY_SKIP !== '1' && pending().length > 0) {
  const release = await takeLock();
  try {
    // Somebody else may have done the work while this process waited for the lock.
    for (const { stamp, key, run } of pending()) {
      await run();
      writeFileSync(stamp, key());
    }
  } catch (error) {
    say(error.message);
    process.exitCode = 1;
  } finally {
    release();
  }
}

async function install() {
  say('installing dependencies; the first time takes about a minute, because SQLite may have to be compiled');
  // What a caller set for another purpose must not leave the compiler or half of the packages out.
  const environment = { ...process.env };
  for (const name of Object.keys(environment)) {
    if (/^(NODE_ENV|npm_config_(omit|include|production|only|global|prefix|ignore_scripts|dry_run))$/i.test(name)) {
      delete environment[name];
    }
  }
  useOwnHeaders(environment);
  const npm = process.env.npm_execpath;
  const [command, args] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  await execute(command, [...args, 'ci', '--include=dev', '--no-audit', '--no-fund'], environment);
}

/** Headers that lie beside the running node spare node-gyp a download, which not every machine can do. */
function useOwnHeaders(environment) {
  const prefix = dirname(dirname(process.execPath));
  if (!existsSync(join(prefix, 'include', 'node', 'node.h'))) return;
  // npm 11 warns about the older of the two names; older versions know no other.
  const npmMajor = Number(/npm\/(\d+)/.exec(process.env.npm_config_user_agent ?? '')?.[1] ?? 10);
  environment[npmMajor >= 11 ? 'npm_package_config_node_gyp_nodedir' : 'npm_config_nodedir'] ??= prefix;
}

async function build() {
  say('compiling');
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  await execute(process.execPath, [compiler, '-p', 'tsconfig.json'], process.env);
}

/** Runs a command with its output on standard error: standard output belongs to the program that starts afterwards. */
async function execute(command, args, env) {
  const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 2, 2] });
  const outcome = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(code ?? signal));
  });
  if (outcome !== 0) throw new Error(`${command} ${args.join(' ')} failed (${outcome}); see its output above.`);
}

/** One process at a time. The holder touches the lock; one that was not touched for 30 s was left by a killed process. */
async function takeLock() {
  for (let waited = false; ; waited = true) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (isStale()) rmSync(lock, { recursive: true, force: true });
      else if (!waited) say('waiting for another start that is installing');
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  const heartbeat = setInterval(() => utimesSync(lock, new Date(), new Date()), HEARTBEAT_MS);
  return () => {
    clearInterval(heartbeat);
    rmSync(lock, { recursive: true, force: true });
  };
}

function isStale() {
  try {
    return Date.now() - statSync(lock).mtimeMs > LOCK_STALE_MS;
  } catch {
    return false;
  }
}

function sources(directory) {
  return readdirSync(join(root, directory), { recursive: true })
    .filter((name) => /\.(ts|js|mjs)$/.test(name) && !name.includes('node_modules'))
    .map((name) => join(directory, name))
    .sort();
}

function digest(files, ...facts) {
  const hash = createHash('sha256');
  for (const file of files)
    hash
      .update(`${file}\0`)
      .update(read(join(root, file)))
      .update('\0');
  return hash.update(facts.join('\0')).digest('hex');
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function say(text) {
  process.stderr.write(`millrace: ${text}\n`);
}
