#!/usr/bin/env node
/**
 * Loads the program and runs it. `require` loads modules one after the other; `import` gives each several turns of the
 * event loop and of the threads that read files, which makes a start a fifth longer. None of them may await anything
 * while it loads.
 */
import { createRequire } from 'node:module';

const { run } = createRequire(import.meta.url)('./program.js') as typeof import('./program.ts');

await run();
