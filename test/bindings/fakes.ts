/** A line and its subscriptions as far as the stores of src/bindings look at them, in the hand of a test. */
import type { Line } from '../../src/connection/line.ts'
import type { HistoryOptions, HistoryPage, SubscribeOptions } from '../../src/contracts/subscription.ts'
import type { LineMessage } from '../../src/here.ts'

export class FakeSubscription extends EventTarget {
  readonly topic: string
  readonly options: SubscribeOptions | undefined
  state = 'subscribing'
  error: object | undefined
  people: (object[] & { count: number }) | undefined
  asked: { resolve(): void; reject(error: object): void }[] = []
  past: HistoryPage<LineMessage<unknown>> = { messages: [], more: false, begins: undefined }
  pasts: (HistoryOptions | undefined)[] = []

  constructor(topic: string, options: SubscribeOptions | undefined) {
    super()
    this.topic = topic
    this.options = options
  }

  tell(type: string, fields: object = {}): void {
    this.dispatchEvent(Object.assign(new Event(type), fields))
  }

  turn(state: string, type?: string, fields?: object): void {
    this.state = state
    this.tell('statechange')
    if (type) this.tell(type, fields)
  }

  says(data: unknown, lastEventId = '', type = 'message'): void {
    this.tell(type, { data, lastEventId })
  }

  crowd(...ids: string[]): void {
    const people = ids.map(id => ({ id }))
    this.people = Object.assign(people, { count: ids.length })
    for (const { resolve } of this.asked.splice(0)) resolve()
    this.tell('presence')
  }

  presence(): Promise<unknown> {
    return new Promise<void>((resolve, reject) => this.asked.push({ resolve, reject }))
  }

  async history(options?: HistoryOptions) {
    this.pasts.push(options)
    return this.past
  }

  close(): void {
    this.turn('closed', 'close')
  }
}

export class FakeLine extends EventTarget {
  state = 'connecting'
  readyState = 0
  transport: string | null = null
  retryAt: number | undefined
  closes = 0
  readonly subscriptions: FakeSubscription[] = []

  turn(state: string, type?: string, fields?: object): void {
    this.state = state
    this.readyState = state === 'open' ? 1 : state === 'closed' ? 2 : 0
    this.transport = state === 'open' ? 'websocket' : null
    if (type) this.dispatchEvent(Object.assign(new Event(type), fields))
    this.dispatchEvent(new Event('statechange'))
  }

  subscribe(topic: string, options?: SubscribeOptions): FakeSubscription {
    const subscription = new FakeSubscription(topic, options)
    this.subscriptions.push(subscription)
    return subscription
  }

  get last(): FakeSubscription {
    return this.subscriptions.at(-1) as FakeSubscription
  }

  close(): void {
    this.closes++
    this.turn('closed', 'close')
  }

  /** For what takes the real one. */
  get real(): Line<Record<string, string>> {
    return this as unknown as Line<Record<string, string>>
  }
}

/** All that was put off until the end of this task is done. */
export async function task(): Promise<void> {
  await new Promise(resolve => setTimeout(resolve))
}
