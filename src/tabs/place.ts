import type { Environment } from '../environment.ts'
import type { AnyLocks, ChannelClass } from '../here.ts'

/** Where the tabs of a browser meet that go to one address. */
export interface Place {
  /** What their locks and channels begin with. */
  readonly key: string
  readonly locks: AnyLocks
  createChannel(name: string): InstanceType<ChannelClass>
}

/** Where tabs meet for this key; nowhere, where the browser lacks what it takes. */
export function meetingPlace(key: string, environment: Environment): Place | undefined {
  const { navigator, BroadcastChannel } = globalThis
  const { locks = navigator?.locks as AnyLocks | undefined, BroadcastChannel: Own = BroadcastChannel } =
    environment
  const createChannel = (name: string) => new (Own as ChannelClass)(name)
  try {
    // Firefox has the class and denies its use to pages that may not store anything.
    createChannel(key).close()
  } catch {
    return undefined
  }
  return locks && { key, locks, createChannel }
}
