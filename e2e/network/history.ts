/** Compares what went in at one end of a line with what came out at the other. */

export interface Published {
  readonly id: string
  readonly data: string
}

/** What a page heard, in the order it heard it: messages and gaps. */
export interface Heard {
  readonly type: string
  readonly id?: string
  readonly data?: string
  /** Of a gap: the newest position up to which messages may be missing. */
  readonly to?: string
}

/**
 * What is wrong with a history, in words; nothing if every message was heard once and in order, but for those that a gap
 * declares lost. A line that did not say after which message it goes on begins with the first it heard.
 */
export function mistakes(published: readonly Published[], heard: readonly Heard[], after?: string): string[] {
  const places = new Map(published.map(({ id }, place) => [id, place]))
  const first = heard.find(({ type }) => type === 'message')
  let next = after === undefined ? place(first?.id) : place(after) + 1
  let excused = next
  const found: string[] = []

  for (const { type, id, data, to } of heard) {
    if (type === 'gap') excused = place(to) + 1
    if (type !== 'message') continue
    const at = place(id)
    if (at < 0) found.push(`${id} was never published`)
    else if (published[at]?.data !== data) found.push(`${id} was published with other data`)
    if (at < next && at >= 0) found.push(`${data} was heard again, or too late`)
    for (let missing = Math.max(next, excused); missing < at; missing++) {
      found.push(`${published[missing]?.data} was not heard`)
    }
    next = Math.max(next, at + 1)
  }
  for (const { data } of published.slice(Math.max(next, excused))) found.push(`${data} was not heard`)
  return found

  function place(id: string | undefined): number {
    return id === undefined ? 0 : (places.get(id) ?? -1)
  }
}

export interface Sent {
  readonly data: string
  /** `taken`, or the kind of the error the promise was rejected with; nothing while it is pending. */
  readonly outcome?: string
}

/** The same upward, for a session that lives on: every message was acknowledged, and taken once, in order. */
export function mistakesUpward(sent: readonly Sent[], takenOfAll: readonly string[]): string[] {
  const names = new Set(sent.map(({ data }) => data))
  const taken = takenOfAll.filter(data => names.has(data))
  const found: string[] = []
  for (const { data, outcome } of sent) {
    const times = taken.filter(each => each === data).length
    if (outcome !== 'taken' || times !== 1) found.push(`${data} is ${outcome} and was taken ${times} times`)
  }
  const order = sent.map(({ data }) => data).filter(data => taken.includes(data))
  if (order.join() !== taken.join()) found.push(`taken in another order: ${taken.join()}`)
  return found
}
