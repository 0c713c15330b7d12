/** What a test wants to be shown: each framework's app shows the same by its own means. */
export interface Scene {
  /** Where lines go; `null` for none, and none at all without it. */
  url?: string | null
  /** What a function gives that goes along as an option, and is another one with each rendering. */
  who?: string
  rooms?: RoomScene[]
  /** The topic of which it says who is there. */
  crowd?: string
  /** Where an answer comes from, and what by. */
  ask?: { url: string; options?: object }
}

/** One transport: where the machine is busy a race would open a second channel, and a session with it. */
export const overSocket = { transports: ['websocket'] } satisfies object as { transports: 'websocket'[] }

export interface RoomScene {
  id: string
  topic: string | null
  limit?: number
  history?: number
  initial?: { data: string; lastEventId?: string }[]
  /** Hears by functions, and shows no list. */
  listens?: boolean
}

/** What an app says of itself to its test. */
export interface Told {
  /** How often each part was rendered. */
  renders: Record<string, number>
  /** How many different lists each room has had. */
  lists: Record<string, unknown[]>
  /** What functions have heard. */
  heard: string[]
  /** What each part has in its hand: a line, a snapshot. */
  parts: Record<string, unknown>
}

export interface App extends Told {
  show(scene: Scene): void
  /** Takes over what a server has rendered. */
  hydrate?(scene: Scene): void
  /** Away with all of it. */
  hide(): void
}

export const told: Told = { renders: {}, lists: {}, heard: [], parts: {} }

export function rendered(id: string): void {
  told.renders[id] = (told.renders[id] ?? 0) + 1
}

export function hasList(id: string, list: unknown): void {
  told.lists[id] ??= []
  if (!told.lists[id].includes(list)) told.lists[id].push(list)
}

export function publish(app: Omit<App, keyof Told>): void {
  Object.assign(globalThis, { app: Object.assign(told, app) })
}
