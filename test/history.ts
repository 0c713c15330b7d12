/**
 * The history checker: compares what went in at one end of a line with what came out at the other. It knows nothing of how
 * either came about, so every fault test can use it: "in order, once each, or one honest gap", and upward "taken once".
 */

/** An entry of the server's log, as `publish` gave it back. All entries, in order, over all lives of the log. */
export interface Published {
  readonly id: string
  readonly data: string
}

/** What a page heard, in the order it heard it. Anything but messages and gaps is passed over. */
export interface Heard {
  readonly type: string
  /** Of a message. */
  readonly id?: string | undefined
  readonly data?: string | undefined
  /** Of a gap: the newest position up to which messages may be missing. */
  readonly to?: string | undefined
}

/** What a page sent, in the order of its calls. */
export interface Sent {
  readonly data: string
  /** `taken`, or the `kind` of the error that the promise was rejected with; absent while it is pending. */
  readonly outcome?: string | undefined
}

/**
 * | kind | |
 * |---|---|
 * | `unknown` | heard, and never published; or taken, and never sent |
 * | `altered` | heard with other data than it was published with |
 * | `twice` | heard again, or taken again |
 * | `order` | heard or taken after something that came later |
 * | `missing` | neither heard nor declared lost by a gap; or acknowledged and never taken |
 * | `wrongly taken` | taken, although the page was told that it was not |
 * | `pending` | a send that was never settled |
 */
export type ViolationKind =
  | 'unknown'
  | 'altered'
  | 'twice'
  | 'order'
  | 'missing'
  | 'wrongly taken'
  | 'pending'

export interface Violation {
  readonly kind: ViolationKind
  /** The message's data. */
  readonly what: string
}

/**
 * What is wrong with what was heard; nothing if every message after the position `after` came once and in order, but for those
 * that a gap had declared lost before. Without `after` the history begins with the first message heard.
 */
export function violations(
  published: readonly Published[],
  heard: readonly Heard[],
  after?: string,
): Violation[] {
  const places = new Map(published.map(({ id }, place) => [id, place]))
  const found: Violation[] = []
  const seen = new Set<number>()
  let next = after === undefined ? undefined : placeAfter(published, after)
  let excused = 0

  for (const { type, id = '', data = '', to } of heard) {
    if (type === 'gap' && to !== undefined) excused = Math.max(excused, placeAfter(published, to))
    if (type !== 'message') continue
    const place = places.get(id)
    if (place === undefined) {
      found.push({ kind: 'unknown', what: data })
      continue
    }
    if (published[place]?.data !== data) found.push({ kind: 'altered', what: data })
    next ??= place
    if (seen.has(place)) found.push({ kind: 'twice', what: data })
    else if (place < next) found.push({ kind: 'order', what: data })
    found.push(...missing(published, Math.max(next, excused), place))
    seen.add(place)
    next = Math.max(next, place + 1)
  }
  found.push(...missing(published, Math.max(next ?? 0, excused), published.length))
  return found
}

/**
 * What is wrong with what was sent; nothing if what was acknowledged was taken once, in the order of sending, what is `IN_DOUBT` at
 * most once, and everything else never. `taken` may hold what other lines sent, if its data says so: `mine` tells it apart.
 */
export function upwardViolations(
  sent: readonly Sent[],
  taken: readonly string[],
  mine: (data: string) => boolean = () => true,
): Violation[] {
  const own = taken.filter(mine)
  const times = count(own)
  const known = new Set(sent.map(({ data }) => data))
  const unknown = [...new Set(own)].filter(data => !known.has(data))
  return [
    ...unknown.map(what => ({ kind: 'unknown', what }) as const),
    ...sent.flatMap(each => misjudged(each, times.get(each.data) ?? 0)),
    ...disordered(sent, own),
  ]
}

/** The first entry after a position, which need not be an entry itself: a log's new life begins at one that is none. */
function placeAfter(published: readonly Published[], position: string): number {
  const [epoch, seq] = position.split('.', 2)
  const later = published.findIndex(({ id }) => {
    const [life, number] = id.split('.', 2)
    return life === epoch && Number(number) > Number(seq)
  })
  if (later >= 0) return later
  // After the last one of that life; a life in which nothing was published excuses nothing.
  return published.findLastIndex(({ id }) => id.split('.', 1)[0] === epoch) + 1
}

function missing(published: readonly Published[], from: number, to: number): Violation[] {
  return published.slice(from, Math.max(from, to)).map(({ data }) => ({ kind: 'missing', what: data }))
}

function misjudged({ data: what, outcome }: Sent, times: number): Violation[] {
  if (outcome === undefined) return [{ kind: 'pending', what }]
  if (times > 1) return [{ kind: 'twice', what }]
  if (outcome === 'taken') return times === 1 ? [] : [{ kind: 'missing', what }]
  return outcome === 'IN_DOUBT' || times === 0 ? [] : [{ kind: 'wrongly taken', what }]
}

/** Only what was acknowledged keeps its order: what is in doubt may arrive when its session is long over. */
function disordered(sent: readonly Sent[], taken: readonly string[]): Violation[] {
  const rank = new Map(
    sent.filter(({ outcome }) => outcome === 'taken').map(({ data }, place) => [data, place]),
  )
  let highest = -1
  return taken.flatMap(what => {
    const place = rank.get(what)
    if (place === undefined) return []
    const late = place < highest
    highest = Math.max(highest, place)
    return late ? [{ kind: 'order', what } as const] : []
  })
}

function count(items: readonly string[]): Map<string, number> {
  const times = new Map<string, number>()
  for (const item of items) times.set(item, (times.get(item) ?? 0) + 1)
  return times
}
