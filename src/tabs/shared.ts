import { single } from '../attempt/single.ts'
import { handOver } from '../contracts/send.ts'
import type { Channel, Receiver, Route, Target } from '../contracts/transport.ts'
import { carried, carrierGone } from './carried.ts'
import { createCarrier } from './carrier.ts'
import { hold } from './hold.ts'
import { meetingPlace, type Place } from './place.ts'
import { next, type Signal, type State, seeking } from './state.ts'

/** A tab that has the lock and does not answer for so long is frozen, in ms; up to twice that, so that not all take it at once. */
const answersWithin = 2_000

/** What others are brought comes in pieces as large as this, in characters; a page that takes no such blocks carries nobody. */
const piece = 10_000

/** What the tab says that has the lock; nothing of it: where is it? `isSlow`: a tab that is looked at would do better. */
interface Told {
  readonly holder?: string
  readonly isSlow?: boolean
}

/**
 * One channel for all tabs of a browser that go to one address: whichever has a Web Lock opens it by `own`, and brings the others what is theirs. Each has its
 * own session and its own position, so that a tab which gets another channel goes on as after any other cut. Where there are no locks each has its own channel.
 */
export function shareTabs(own: Route): Route {
  return {
    open(target, line) {
      const { origin, pathname, environment, largest = piece } = target
      const place = largest >= piece && meetingPlace(`throughline ${origin}${pathname}`, environment)
      return place ? join(place, own, target, line) : own.open(target, line)
    },
  }
}

function join(place: Place, own: Route, target: Target, line: Receiver): Channel {
  const { environment } = target
  const others = place.createChannel(place.key)
  const carrier = createCarrier(place, text => handOver(way, text, () => {}))
  let state: State = seeking
  let way: Channel | undefined
  let session = '' // that others may name, while this tab holds the lock
  let kind = '' // of the transport that it has then
  let isOpen = false
  let passed = 0 // to others: news too, after which a poll is not put off
  let timer: unknown
  let release = () => {}

  others.onmessage = ({ data }) => {
    const { holder, isSlow } = data as Told
    if (holder === undefined) return state.name === 'holding' ? tell(session) : undefined
    // It is there. As long as it has no channel it is asked again, since it may freeze.
    wait(seek)
    signal('holder', holder)
    if (isSlow && state.name === 'carried' && environment.visible()) take()
  }
  const unlisten = environment.listen('visibilitychange', () => {
    if (state.name === 'holding') tell(session)
    else if (state.name === 'carried' && environment.visible()) others.postMessage({})
  })
  request()
  seek()
  return {
    send: (text, done) => handOver(way, text, done),
    close(code, reason) {
      const closing = way
      way = undefined
      signal('ended')
      closing?.close(code, reason)
    },
  }

  function request(steal = false): void {
    release = hold(
      place.locks,
      place.key,
      () => signal('granted'),
      () => signal(state.name === 'holding' ? 'stolen' : 'unable'),
      steal,
    )
  }

  function seek(): void {
    others.postMessage({})
    wait(take)
  }

  function take(): void {
    release()
    request(true)
  }

  function wait(act: () => void): void {
    environment.clearTimeout(timer)
    if (state.name === 'seeking')
      timer = environment.setTimeout(act, answersWithin * (1 + environment.random()))
  }

  function tell(holder: string): void {
    session = holder
    // Where nobody looks, browsers let timers wait, and with them the next poll.
    const isSlow = !environment.visible() && /poll|script/.test(kind)
    others.postMessage({ holder, isSlow } satisfies Told)
  }

  function signal(...what: Signal): void {
    const before = state
    state = next(before, what)
    if (state !== before) enter(state, before)
  }

  /** Leaving a state gives up what it had. */
  function enter(entered: State, before: State): void {
    environment.clearTimeout(timer)
    if (before.name === 'holding') leaveOthers()
    way?.close()
    way = undefined
    if (isOpen && entered.name !== 'over') line.paused(carrierGone)
    isOpen = false
    // A handler may have closed the line.
    if (state !== entered) return
    switch (entered.name) {
      case 'seeking':
        if (before.name === 'holding') request()
        return seek()
      case 'holding':
        tell('')
        return go(own)
      case 'carried':
        return go(single(carried(place, entered.by)))
      case 'alone':
        release()
        return go(own)
      case 'over':
        release()
        unlisten()
        others.close()
    }
  }

  function go(route: Route): void {
    const mine = state
    const isHolder = mine.name === 'holding'
    const opening = route.open(
      { ...target, taken: () => target.taken() + passed },
      {
        ...line,
        opened(transport, hello) {
          isOpen = true
          kind = transport.kind
          if (isHolder && hello) tell(hello.hello.session)
          line.opened(transport, hello)
        },
        read(block, beside) {
          if (isHolder && block.event === 'rt.carried') {
            passed++
            carrier.pass(block)
          }
          return line.read(block, beside)
        },
        frame(frame, origin) {
          if (isHolder && frame.type === 'hello') tell(frame.hello.session)
          line.frame(frame, origin)
        },
        paused(failure) {
          if (isHolder) leaveOthers()
          line.paused(failure)
        },
        ended(failure) {
          if (mine.name === 'carried' && !isOpen && failure.status === 404) return signal('refused')
          // A server that knows nothing of this.
          if (mine.name === 'carried' && !isOpen && failure.status === 400) return signal('unable')
          signal('ended')
          line.ended(failure)
        },
      },
    )
    if (state === mine) way = opening
    else opening.close()
  }

  function leaveOthers(): void {
    tell('')
    carrier.close()
  }
}
