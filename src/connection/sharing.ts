import type { Connection, Listener } from './contract.ts'
import type { State } from './state.ts'

/** What a line is made over: its connection, before it begins, and what goes with that. */
export interface Host {
  start(listener: Listener): Connection
}

/** Gives what lines with the same `key` have in common, each part of which is the same by identity. `make` makes it for the first of them. */
export type Share = <H extends Host>(key: readonly unknown[], make: () => H) => H

const hosts: { readonly key: readonly unknown[]; readonly host: Host }[] = []

/** Lets lines of one page go by one connection if they want the same, so that its parts need not know of each other. It lives until the last of them is closed. */
export const share: Share = <H extends Host>(key: readonly unknown[], make: () => H): H => {
  const known = hosts.find(each => isSame(each.key, key))
  if (known) return known.host as H
  const made = make()
  let listeners: readonly Listener[] = []
  let connection: Connection | undefined
  const everybody = toAll(() => listeners, forget)
  const host: H = { ...made, start }
  const entry = { key, host }
  hosts.push(entry)
  return host

  /** Whoever comes from now on gets another one. */
  function forget(): void {
    const index = hosts.indexOf(entry)
    if (index >= 0) hosts.splice(index, 1)
  }

  function start(listener: Listener): Connection {
    listeners = [...listeners, listener]
    connection ??= made.start(everybody)
    const common = connection
    let left: State | undefined
    const { state } = common
    if (state.name === 'open')
      queueMicrotask(() => {
        if (left || common.state.name !== 'open') return
        listener.opened(common.state.transport.name, false)
        listener.changed()
      })
    return {
      get state() {
        return left ?? common.state
      },
      get lastEventId() {
        return common.lastEventId
      },
      get bufferedAmount() {
        return common.bufferedAmount
      },
      send: common.send,
      whenEmpty: common.whenEmpty,
      reconnect() {
        if (left) throw new Error('reconnect: closed by the page')
        common.reconnect()
      },
      close(code, reason) {
        if (left) return
        if (listeners.length > 1) {
          listeners = listeners.filter(each => each !== listener)
          left = { name: 'closed', reason, code }
          listener.closed(reason, code)
          listener.changed()
        } else {
          forget()
          common.close(code, reason)
        }
      },
    }
  }
}

function isSame(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((part, index) => part === other[index])
}

/** What happens to a connection happens to all its lines. `failed`: it is over, unless one of them has it live again. */
function toAll(listeners: () => readonly Listener[], failed: () => void): Listener {
  const each =
    <Name extends keyof Listener>(name: Name) =>
    (...what: Parameters<Listener[Name]>) => {
      if (name === 'failed' && what[1] === undefined) failed()
      for (const listener of listeners())
        if (listeners().includes(listener)) (listener[name] as (...what: unknown[]) => void)(...what)
    }
  return {
    opened: each('opened'),
    message: each('message'),
    gap: each('gap'),
    failed: each('failed'),
    closed: each('closed'),
    changed: each('changed'),
  }
}
