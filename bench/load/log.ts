import type { Log } from '../../server/index.ts'
import * as server from '../../server/index.ts'

type Closable = Log & { close(): Promise<void> }

/** The way of this version to have one log in several Redises; nothing where it has none. */
const { spreadLog } = server as { spreadLog?: (logs: readonly Log[]) => Closable }

/** Why there can be no log in so many Redises; nothing if there can be one. */
export function missingLog(redises: number): string | undefined {
  return redises === 1 || spreadLog ? undefined : 'this version has no log in several Redises'
}

/** Milliseconds that it waits for Redis: a machine that has too much to do is slow, and that is to be measured. */
const patience = 60_000

/** The log that all of a cluster share: in one Redis, or spread over several. */
export function logOf(urls: readonly string[], prefix = 'load'): Closable {
  const logs = urls.map(url => server.redisLog({ url, prefix, patience }))
  const [only] = logs
  if (logs.length === 1 && only) return only
  if (!spreadLog) throw new Error(missingLog(urls.length))
  return spreadLog(logs)
}
