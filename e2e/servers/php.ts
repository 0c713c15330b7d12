/** PHP's own web server with the scripts of this folder's `php/`, as cheap hosting has them. */
import { fileURLToPath } from 'node:url'
import { missing, type Program, startProgram } from '../network/programs.ts'

const scripts = fileURLToPath(new URL('php', import.meta.url))

export const php: Program = {
  name: 'php-cli',
  path: '/usr/bin/php',
  configure: () => '',
  arguments: (_, __, port) => ['-S', `127.0.0.1:${port}`, '-t', scripts, `${scripts}/router.php`],
  // With a single worker one request that is held would hold up all others.
  environment: folder => ({ PHP_CLI_SERVER_WORKERS: '4', MAILBOXES: folder }),
}

/** Why there can be none here; nothing if there can. */
export function missingPhp(): string | undefined {
  return missing(php)
}

export function startPhp() {
  return startProgram(php)
}
