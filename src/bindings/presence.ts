import type { Person } from '../contracts/presence.ts'
import { isOwn, listen, type Store, same } from './store.ts'
import { type Hearing, type TopicSnapshot, topicStore, watchTopic } from './topic.ts'

/** Who is in a topic now. */
export interface PresenceSnapshot extends TopicSnapshot {
  /** Those that the server tells of; nobody before it has. The same array until somebody comes, leaves or changes. */
  readonly people: readonly Person[]
  /** How many there are, of whom the server may tell some alone. */
  readonly count: number
}

const nobody: PresenceSnapshot = { people: [], count: 0, state: 'idle', error: undefined }

/** Who is in a topic, as long as somebody wants to know. */
export function presenceStore<Messages, Shared>(
  line: Hearing<Messages, Shared>,
  topic: string | null | undefined,
): Store<PresenceSnapshot> {
  return topicStore(line, topic, nobody, (open, stir) => {
    const subscription = open()
    let error: PresenceSnapshot['error']
    const ask = () =>
      subscription.presence().then(stir, refused => {
        error = refused
        stir()
      })
    const watching = watchTopic(subscription, stir)
    const leave = listen(subscription, {
      open(event: object) {
        // After a refusal it has to be asked for anew.
        if (isOwn(event) && error) void ask()
      },
      presence(event: object) {
        if (!isOwn(event)) return
        error = undefined
        stir()
      },
    })
    void ask()
    return {
      read(last) {
        const { people = nobody.people } = subscription
        const count = subscription.people?.count ?? 0
        const { state, error: failure } = watching.now()
        return same(last, { people, count, state, error: failure ?? error })
      },
      end() {
        leave()
        watching.end()
        subscription.close()
      },
    }
  })
}
