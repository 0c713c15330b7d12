import type { Line } from '../connection/line.ts'
import type { LineState } from '../connection/state.ts'
import type { ConnectionError } from '../contracts/errors.ts'
import type { TransportName } from '../contracts/failure.ts'
import { createStore, isOwn, listen, type Store, same } from './store.ts'

/** What a line can be for all who only look at it. */
export type AnyLine = Pick<Line, 'state' | 'readyState' | 'transport' | 'retryAt'> & {
  close(): void
}

/** A line as it is now. */
export interface LineSnapshot<Given = Line> {
  /** The line; `null` before the component is mounted, on a server, and without a URL. */
  readonly line: Given | null
  /** What it does: `line.state`. `idle` where no URL was given; `connecting` before there is a line. */
  readonly state: LineState | 'idle'
  /** What carries it now; `null` while nothing does. */
  readonly transport: TransportName | null
  /** Why it is interrupted or closed; `undefined` once it is open. What went wrong with one message is not here: `send()` rejects with it. */
  readonly error: ConnectionError | undefined
  /** When it tries again, in ms since the epoch; `undefined` unless `state` is `waiting`. */
  readonly retryAt: number | undefined
}

const none = { line: null, transport: null, error: undefined, retryAt: undefined }

/** No line, and none to come. */
export const idle: LineSnapshot<never> = { ...none, state: 'idle' }

const coming: LineSnapshot<never> = { ...none, state: 'connecting' }

/** A line that is opened when somebody wants it, and closed when nobody does. Without `open` there is none. */
export function lineStore<Given extends AnyLine>(open: (() => Given) | null): Store<LineSnapshot<Given>> {
  if (!open) return createStore<LineSnapshot<Given>>(idle, () => ({ read: last => last, end() {} }))
  return createStore<LineSnapshot<Given>>(coming, stir => {
    const line = open()
    const { read, end } = watch(line, stir)
    return {
      read,
      end() {
        end()
        line.close()
      },
    }
  })
}

/** The state of a line that somebody else opens and closes. */
export function givenLineStore<Given extends AnyLine>(line: Given): Store<LineSnapshot<Given>> {
  return createStore(snapshotOf(line, undefined), stir => watch(line, stir))
}

function watch<Given extends AnyLine>(line: Given, stir: () => void) {
  let error: ConnectionError | undefined
  const end = listen(line, {
    statechange: stir,
    open(event: object) {
      if (isOwn(event)) error = undefined
      stir()
    },
    error(event: { error?: ConnectionError; retryIn?: number }) {
      if (!isOwn(event) || (event.retryIn === undefined && line.readyState !== 2)) return
      error = event.error
      stir()
    },
  })
  const read = (last: LineSnapshot<Given>) => same(last, snapshotOf(line, error))
  return { read, end }
}

function snapshotOf<Given extends AnyLine>(
  line: Given,
  error: ConnectionError | undefined,
): LineSnapshot<Given> {
  const { state, transport, retryAt } = line
  return { line, state, transport, error, retryAt }
}
