import { JSDOM } from 'jsdom'
import { describe, expect, test } from 'vitest'
import type { Failure } from '../../src/contracts/failure.ts'
import { native } from '../../src/dialects/native.ts'
import { iframe, iframeFrom } from '../../src/transports/iframe.ts'
import { sentence } from '../../src/words.ts'
import { topicsContract } from '../contracts/topics.ts'
import { type Harness, transportContract } from '../contracts/transport.ts'
import { openChannel } from '../support/channel.ts'
import { holdFrames, streamFrames } from '../support/frame.ts'

const harness: Harness = {
  transport: {
    ...iframe,
    // Where nobody is there is another origin.
    open: (target, sink) => iframeFrom(new URL(target.buildRequest(iframe).url).origin).open(target, sink),
  },
  parts: page => {
    streamFrames(page)
    return {
      document: page.document,
      XMLHttpRequest: page.XMLHttpRequest,
      listen(type, heard) {
        page.addEventListener(type, heard)
        return () => page.removeEventListener(type, heard)
      },
    }
  },
  acceptsFirst: true,
  showsCuts: true,
  aborts: true,
  answersSends: true,
  left: page => page.document.querySelectorAll('iframe').length,
}

transportContract(harness)
topicsContract(harness)

/** A channel in a page at this address, whose frames load nothing: what they say is said by the test. */
async function begin(transport = iframe, address = 'https://page.test/', readyState = 'complete') {
  const { window } = new JSDOM('', { url: address })
  const { document } = window
  holdFrames(document)
  Object.defineProperty(document, 'readyState', { value: readyState })
  const hearing = new Map<string, Set<(event: Event) => void>>()
  const stage = openChannel(transport, native, {
    document,
    listen(type, heard) {
      const all = hearing.get(type) ?? new Set()
      hearing.set(type, all.add(heard))
      return () => all.delete(heard)
    },
  })
  await stage.world.settle()
  const frame = () => document.querySelector('iframe')
  const fire = (type: string, event: object) => {
    for (const heard of hearing.get(type) ?? []) heard(event as Event)
  }
  return {
    ...stage,
    frame,
    fire,
    says: (data: unknown, more: object = {}) =>
      fire('message', { data, source: frame()?.contentWindow, origin: stage.world.origin, ...more }),
    /** Listeners that still hear something. */
    get listeners() {
      return [...hearing.values()].reduce((sum, { size }) => sum + size, 0)
    },
  }
}

/** The origin that the next channel of a test asks; see `createWorld`. */
async function nextOrigin(): Promise<string> {
  const { world } = await begin()
  return world.origin.replace(/\d+/, digits => `${Number(digits) + 1}`)
}

const block = 'id: e.1.a\ndata: hi\n\n'

describe('what a frame says', () => {
  test('counts if it comes from the frame, and from its origin, as text', async () => {
    const scene = await begin(iframe, await nextOrigin())
    scene.says(block, { origin: 'https://other.test' })
    scene.says(block, { source: {} })
    scene.says({ data: block })
    scene.says(7)
    expect(scene.heard).toEqual([])
    scene.says(block)
    expect(scene.heard).toEqual(['opened iframe', 'blocks e.1.a=hi'])
  })

  test('may be that it is over, in good order', async () => {
    const scene = await begin(iframe, await nextOrigin())
    scene.says(block)
    scene.says(null)
    expect(scene.heard.at(-1)).toBe('ended ended')
    expect(scene.frame()).toBeNull()
    expect(scene.listeners).toBe(0)
  })

  test('may be why it is refused, and then it never opened', async () => {
    const scene = await begin(iframe, await nextOrigin())
    scene.says('event: rt.fail\ndata: {"status":403}\n\n')
    expect(scene.heard).toEqual(['ended status'])
    expect(scene.failures[0]?.status).toBe(403)
  })
})

describe('where a frame comes from', () => {
  test('is the origin of the page, or it is not begun', async () => {
    const scene = await begin()
    expect(scene.frame()).toBeNull()
    await scene.world.pass(0)
    expect(scene.heard).toEqual(['ended unsupported'])
    expect(sentence(scene.failures[0] as Failure)).toContain(scene.world.origin)
  })

  test('may be another, if the page names it', async () => {
    const scene = await begin(iframeFrom('https://some.test', await nextOrigin()))
    expect(scene.frame()?.src).toContain(scene.world.origin)
  })

  test('is not asked any more after close()', async () => {
    const scene = await begin()
    scene.channel.close()
    await scene.world.pass(0)
    expect(scene.heard).toEqual([])
    expect(scene.world.timers).toBe(0)
  })
})

test('waits for the page around it, which would otherwise go on loading for ever', async () => {
  const scene = await begin(iframe, await nextOrigin(), 'interactive')
  expect(scene.frame()).toBeNull()
  scene.fire('load', {})
  expect(scene.frame()).not.toBeNull()
})

test('waits no more when it is closed meanwhile', async () => {
  const scene = await begin(iframe, await nextOrigin(), 'loading')
  scene.channel.close()
  expect(scene.listeners).toBe(0)
})
