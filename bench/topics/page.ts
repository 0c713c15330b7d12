/** The process of a page: one line, with subscriptions to so many topics. */
import { WebSocket } from 'ws'
import { connect, native, subscriptions, websocket } from '../../src/core.ts'
import { answer } from '../stage/child.ts'

export type PageOrder =
  | { readonly do: 'open'; readonly port: number; readonly topics: number }
  /** Begins to count. */
  | { readonly do: 'listen'; readonly count: number }
  /** Once so many were heard: the time of the processor since `listen`, in ms. */
  | { readonly do: 'await' }

export interface PageTold {
  readonly spent?: number
}

let left = 0
let begun = process.cpuUsage()
let heard: Promise<PageTold> = Promise.resolve({})
let done: (told: PageTold) => void = () => {}

answer(carryOut)

async function carryOut(order: PageOrder): Promise<PageTold> {
  switch (order.do) {
    case 'open':
      await open(order.port, order.topics)
      return {}
    case 'listen':
      left = order.count
      heard = new Promise(resolve => {
        done = resolve
      })
      begun = process.cpuUsage()
      return {}
    case 'await':
      return heard
  }
}

async function open(port: number, topics: number): Promise<void> {
  const line = connect(`http://127.0.0.1:${port}/live`, {
    transport: websocket,
    dialect: native,
    topics: subscriptions,
    environment: { WebSocket },
  })
  const rooms = Array.from({ length: topics }, (_, n) => line.subscribe(`topic:${n}`))
  for (const room of rooms) room.onmessage = count
  await Promise.all(rooms.map(({ opened }) => opened))
}

function count(): void {
  if (--left > 0) return
  const { user, system } = process.cpuUsage(begun)
  done({ spent: (user + system) / 1_000 })
}
