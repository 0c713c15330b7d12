import type { AnyLocks, ChannelClass } from '../../src/here.ts'

/** Web Locks and BroadcastChannels of one browser, as far as a line uses them. */
export interface FakeBrowser {
  /** The names of the locks that are held or waited for, and of the channels that are open. */
  readonly left: readonly string[]
  openTab(): FakeTab
}

export interface FakeTab {
  readonly locks: AnyLocks
  readonly BroadcastChannel: ChannelClass
  /** Nothing comes to it until it moves again. */
  standStill(): void
  move(): void
  /** It is gone without a word. */
  crash(): void
}

/** Does something in a tab, as a task of its own. */
type InTab = (act: () => void) => void

interface Asked {
  readonly name: string
  readonly inTab: InTab
  readonly held: () => Promise<void>
  readonly settle: (failed?: unknown) => void
}

interface Open {
  readonly name: string
  readonly inTab: InTab
  hear(data: unknown): void
}

export function createBrowser(): FakeBrowser {
  const holders = new Map<string, Asked>()
  const waiting = new Set<Asked>()
  const channels = new Set<Open>()
  return {
    get left() {
      return [...holders.keys(), ...[...waiting, ...channels].map(({ name }) => name)]
    },
    openTab,
  }

  function openTab(): FakeTab {
    let late: (() => void)[] | undefined
    let isGone = false
    const inTab: InTab = act => queueMicrotask(() => (isGone ? undefined : late ? late.push(act) : act()))
    const isMine = (other: { inTab: InTab }) => other.inTab === inTab
    return {
      standStill() {
        late ??= []
      },
      move() {
        const acts = late ?? []
        late = undefined
        for (const act of acts) inTab(act)
      },
      crash() {
        isGone = true
        for (const channel of channels) if (isMine(channel)) channels.delete(channel)
        for (const asked of waiting) if (isMine(asked)) waiting.delete(asked)
        for (const asked of holders.values()) if (isMine(asked)) free(asked)
      },
      locks: {
        request: (name, options, held) =>
          new Promise((resolve, reject) => {
            const settle = (failed?: unknown) => inTab(() => (failed ? reject(failed) : resolve(undefined)))
            request({ name, inTab, held, settle }, options)
          }),
      },
      BroadcastChannel: channelClass(inTab),
    }
  }

  function channelClass(inTab: InTab): ChannelClass {
    return class {
      onmessage: ((event: { readonly data: unknown }) => void) | null = null
      private readonly own: Open

      constructor(name: string) {
        this.own = { name, inTab, hear: data => this.onmessage?.({ data }) }
        channels.add(this.own)
      }

      postMessage(data: unknown) {
        if (!channels.has(this.own)) throw new Error('InvalidStateError: the channel is closed')
        const copy = structuredClone(data)
        for (const other of channels)
          if (other !== this.own && other.name === this.own.name)
            other.inTab(() => channels.has(other) && other.hear(copy))
      }

      close() {
        channels.delete(this.own)
      }
    }
  }

  function request(asked: Asked, options: { signal?: AbortSignal; steal?: boolean }): void {
    const { signal, steal } = options
    if (signal?.aborted) return asked.settle(signal.reason)
    signal?.addEventListener('abort', () => waiting.delete(asked) && asked.settle(signal.reason))
    const holder = holders.get(asked.name)
    if (steal) {
      holders.delete(asked.name)
      holder?.settle(new Error('AbortError: the lock was stolen'))
      grant(asked)
    } else if (holder) waiting.add(asked)
    else grant(asked)
  }

  function grant(asked: Asked): void {
    holders.set(asked.name, asked)
    asked.inTab(() => {
      asked.held().then(
        () => done(asked),
        cause => done(asked, cause),
      )
    })
  }

  function done(asked: Asked, failed?: unknown): void {
    asked.settle(failed)
    free(asked)
  }

  /** The next one has it. */
  function free(asked: Asked): void {
    if (holders.get(asked.name) !== asked) return
    holders.delete(asked.name)
    const next = [...waiting].find(({ name }) => name === asked.name)
    if (next && waiting.delete(next)) grant(next)
  }
}
