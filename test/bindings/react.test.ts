/** What React sees of a line that a test holds in its hand. e2e/bindings tries the rest in browsers. */
import { JSDOM } from 'jsdom'
import { act, Component, createElement, type ReactNode, StrictMode } from 'react'
import type { Root } from 'react-dom/client'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  LineProvider,
  useLine,
  useLineContext,
  useMessages,
  useOpenedLine,
  usePresence,
  useSubscription,
} from '../../src/react.ts'
import { FakeLine, task } from './fakes.ts'

let root: Root
let place: HTMLElement

beforeEach(async () => {
  const { window } = new JSDOM('<div></div>', { url: 'https://host.test' })
  vi.stubGlobal('window', window)
  vi.stubGlobal('document', window.document)
  vi.stubGlobal('navigator', { userAgent: '' })
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  const { createRoot } = await import('react-dom/client')
  place = window.document.querySelector('div') as HTMLElement
  root = createRoot(place, { onUncaughtError: () => {}, onCaughtError: () => {} })
})
afterEach(async () => {
  await act(async () => root.unmount())
  vi.unstubAllGlobals()
})

function show(node: ReactNode): Promise<void> {
  return act(async () => root.render(node))
}

/** A component that is one hook. */
function Part({ use, see }: { use: () => unknown; see: (value: unknown) => void }) {
  see(use())
  return null
}

function hook<Value>(use: () => Value) {
  const seen: Value[] = []
  const see = (value: unknown) => {
    seen.push(value as Value)
  }
  return { part: () => createElement(Part, { use, see }), seen, last: () => seen.at(-1) as Value }
}

class Boundary extends Component<{ children: ReactNode }> {
  override state = { said: '' }
  static getDerivedStateFromError(error: Error) {
    return { said: error.message }
  }
  override render() {
    return this.state.said || this.props.children
  }
}

describe('a line of one’s own', () => {
  it('is opened once in StrictMode, and closed after it is unmounted', async () => {
    const lines: FakeLine[] = []
    const open = () => {
      lines.push(new FakeLine())
      return (lines.at(-1) as FakeLine).real
    }
    const { part, last } = hook(() => useOpenedLine('key', open))
    await show(createElement(StrictMode, null, part()))
    expect(lines).toHaveLength(1)
    expect(last().line).toBe(lines[0])
    await show(null)
    await act(task)
    expect(lines[0]?.closes).toBe(1)
  })

  it('is had by all within a LineProvider, and is not closed by it', async () => {
    const line = new FakeLine()
    line.turn('open', 'open')
    const { part, last } = hook(() => useLineContext())
    await show(createElement(LineProvider, { line: line.real }, part()))
    expect(last()).toMatchObject({ line, state: 'open', transport: 'websocket' })
    await act(async () => line.turn('offline'))
    expect(last()).toMatchObject({ state: 'offline', transport: null })
    await show(null)
    await act(task)
    expect(line.closes).toBe(0)
  })

  it('has to be there for who asks for that of the context', async () => {
    const { part } = hook(() => useLineContext())
    await show(createElement(Boundary, null, part()))
    expect(place.textContent).toBe('useLineContext: there is no LineProvider around this component')
  })
})

describe('what cannot be', () => {
  it('as a URL is told to the error boundary', async () => {
    const { part } = hook(() => useLine('gopher://host'))
    await show(createElement(Boundary, null, part()))
    expect(place.textContent).toMatch(/gopher/)
  })

  it('as a topic is told to the error boundary', async () => {
    const line = new FakeLine()
    line.subscribe = () => {
      throw new TypeError('subscribe: the topic')
    }
    const { part } = hook(() => useMessages(line.real, ''))
    await show(createElement(Boundary, null, part()))
    expect(place.textContent).toBe('subscribe: the topic')
  })
})

describe('a component renders', () => {
  it('once for a burst, and not at all without news', async () => {
    const line = new FakeLine()
    const { part, seen, last } = hook(() => useMessages(line.real, 'room', { limit: 3, initial: [] }))
    await show(part())
    const before = seen.length
    await act(async () => {
      for (let n = 0; n < 1_000; n++) line.last.says(`${n}`, `${n}`)
    })
    expect(last().messages.map(({ data }) => data)).toEqual(['997', '998', '999'])
    expect(seen.length - before).toBe(1)
    await act(async () => {
      line.last.says('x', '', 'typing')
      line.last.tell('statechange')
    })
    expect(seen.length - before).toBe(1)
    await show(part())
    expect(last()).toBe(seen.at(-2))
    expect(line.subscriptions).toHaveLength(1)
  })

  it('with its functions of now, and those of a name that is new', async () => {
    const line = new FakeLine()
    const heard: string[] = []
    let on: object = { typing: () => heard.push('old') }
    const { part } = hook(() => useSubscription(line.real, 'room', { on }))
    await show(part())
    on = { typing: () => heard.push('new'), left: () => heard.push('left') }
    await show(part())
    line.last.says('x', '', 'typing')
    line.last.says('x', '', 'left')
    expect(heard).toEqual(['new', 'left'])
    expect(line.subscriptions).toHaveLength(1)
  })

  it('with nobody, where there is no line', async () => {
    const { part, seen } = hook(() => usePresence(null, 'room'))
    await show(part())
    expect(seen).toEqual([{ people: [], count: 0, state: 'idle', error: undefined }])
  })
})
