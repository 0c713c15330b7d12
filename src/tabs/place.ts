import type { AnyLocks, ChannelClass } from '../here.ts'

/** Where the tabs of a browser meet that go to one address. */
export interface Place {
  /** What their locks and channels begin with. */
  readonly key: string
  readonly locks: AnyLocks
  createChannel(name: string): InstanceType<ChannelClass>
}
