/**
 * A Chromium that nobody watches. One that Playwright drives reports each frame and event to it, which slows WebSocket and
 * EventSource; this one is spoken to over its debugging port, and asked only when nothing is being measured.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { chromium } from '@playwright/test'
import { WebSocket } from 'ws'
import { downloaded, system } from '../../e2e/fixtures/engines.ts'

export interface Browser {
  readonly version: string
  /** A page that shares nothing with others, in a process of its own. */
  open(url: string): Promise<Page>
  /** Asks for something of the whole browser, by the DevTools protocol. */
  ask<T>(method: string, params?: object): Promise<T>
  on(method: string, heard: (params: never) => void): () => void
  close(): Promise<void>
}

export interface Page {
  /** The value, or what the promise brings, of an expression in the page. Fails after two minutes. */
  run<T>(expression: string): Promise<T>
  ask<T>(method: string, params?: object): Promise<T>
  /** What the page has cost and holds by now. */
  measure(): Promise<Measures>
  /** The page's `performance.now()` plus this is `monotonic()` of any process of the machine. */
  readonly epoch: number
  close(): Promise<void>
}

export interface Measures {
  /** Time of the page's main thread, in ms. */
  readonly busy: number
  /** Its JavaScript heap, in bytes, garbage included. */
  readonly heap: number
}

const patience = 120_000

const calm = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--no-default-browser-check',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-extensions',
  '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding',
  '--disable-backgrounding-occluded-windows',
  '--disable-features=Translate,OptimizationHints,MediaRouter',
]

export async function launch(more: readonly string[] = []): Promise<Browser> {
  const home = await mkdtemp(join(tmpdir(), 'bench-browser-'))
  const path = downloaded('chromium') ? chromium.executablePath() : system.chromium
  const flags = [...calm, ...more, '--remote-debugging-port=0', `--user-data-dir=${home}`, 'about:blank']
  const child = spawn(path, flags, { stdio: ['ignore', 'ignore', 'pipe'] })
  const link = await connect(await addressOf(child))
  const { product } = await link.ask<{ product: string }>('Browser.getVersion')

  return {
    version: product.replace(/^.*\//, ''),
    open,
    ask: link.ask,
    on: link.on,
    async close() {
      const gone = once(child, 'exit')
      link.ask('Browser.close').catch(() => {})
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await gone
      clearTimeout(timer)
      link.close()
      await rm(home, { recursive: true, force: true, maxRetries: 5 })
    },
  }

  async function open(url: string): Promise<Page> {
    const { browserContextId } = await link.ask<{ browserContextId: string }>('Target.createBrowserContext')
    const { targetId } = await link.ask<{ targetId: string }>('Target.createTarget', {
      url,
      browserContextId,
    })
    const { sessionId } = await link.ask<{ sessionId: string }>('Target.attachToTarget', {
      targetId,
      flatten: true,
    })
    const ask = <T>(method: string, params?: object) => link.ask<T>(method, params, sessionId)
    await ask('Performance.enable')
    const metrics = async () => {
      const { metrics } = await ask<{ metrics: { name: string; value: number }[] }>('Performance.getMetrics')
      return Object.fromEntries(metrics.map(({ name, value }) => [name, value]))
    }
    const run = async <T>(expression: string) => {
      const how = { expression, awaitPromise: true, returnByValue: true }
      const told = await ask<Evaluated<T>>('Runtime.evaluate', how)
      if (told.exceptionDetails)
        throw new Error(told.exceptionDetails.exception?.description ?? told.exceptionDetails.text)
      return told.result.value
    }
    await run(loaded)
    return {
      run,
      ask,
      epoch: ((await metrics()).NavigationStart ?? 0) * 1_000,
      async measure() {
        const { TaskDuration = 0, JSHeapUsedSize = 0 } = await metrics()
        return { busy: TaskDuration * 1_000, heap: JSHeapUsedSize }
      },
      async close() {
        await link.ask('Target.disposeBrowserContext', { browserContextId })
      },
    }
  }
}

interface Evaluated<T> {
  result: { value: T }
  exceptionDetails?: { text: string; exception?: { description?: string } }
}

/** The document that was asked for, not the empty one before it, and nothing left to do. */
const loaded = `new Promise(resolve => {
  const look = () => {
    if (location.protocol === 'about:' || document.readyState !== 'complete') return setTimeout(look, 10)
    requestIdleCallback(resolve, { timeout: 2000 })
  }
  look()
})`

async function addressOf({ stderr }: ChildProcess): Promise<string> {
  if (!stderr) throw new Error('the browser has no stderr')
  for await (const line of createInterface(stderr)) {
    const address = /^DevTools listening on (ws:.*)$/.exec(line)?.[1]
    if (!address) continue
    stderr.resume()
    return address
  }
  throw new Error('the browser did not start')
}

async function connect(address: string) {
  const socket = new WebSocket(address, { perMessageDeflate: false, maxPayload: 2 ** 28 })
  await once(socket, 'open')
  const asked = new Map<number, { resolve(result: never): void; reject(error: Error): void }>()
  const listeners = new Set<{ method: string; heard(params: never): void }>()
  let count = 0
  socket.on('message', data => {
    const { id, result, error, method, params } = JSON.parse(`${data}`)
    if (id === undefined) {
      for (const each of listeners) if (each.method === method) each.heard(params as never)
    } else if (error) asked.get(id)?.reject(new Error(error.message))
    else asked.get(id)?.resolve(result as never)
    asked.delete(id)
  })
  return {
    ask<T>(method: string, params: object = {}, sessionId?: string): Promise<T> {
      const id = ++count
      socket.send(JSON.stringify({ id, method, params, sessionId }))
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${method}: no answer`)), patience)
        asked.set(id, {
          resolve: result => {
            clearTimeout(timer)
            resolve(result)
          },
          reject: error => {
            clearTimeout(timer)
            reject(error)
          },
        })
      })
    },
    on(method: string, heard: (params: never) => void): () => void {
      const listener = { method, heard }
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close: () => socket.close(),
  }
}
