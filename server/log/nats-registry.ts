import {
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  StorageType,
  type StreamInfo,
} from '@nats-io/jetstream'
import { nanos } from '@nats-io/transport-node'
import { localAddressTo } from './local-address.ts'
import type { Registry } from './log.ts'
import { type At, headersOf, type Link, nothing, unlessWrong } from './nats-link.ts'

export interface RegistryOptions {
  /** The name of its stream. */
  name: string
  /** All subjects of the stream, and that of one key. */
  subjects: { all: string; of(key: string): string }
  storage: 'file' | 'memory'
  replicas: number
  /** Where NATS may be; see `NatsLogOptions`. */
  servers: readonly string[]
}

/** What lies under a key, and its number in the stream: 0 for none. */
interface Found {
  readonly at: number
  readonly text: string | undefined
}

/** For how long the stream keeps what nobody writes anew, in ms, unless a text is to last longer. */
const usual = 3_600_000

const lastsHeader = 'Throughline-Lasts'

/**
 * Texts in a stream of their own, which keeps the newest of each subject. A text that is put names the number of the one before it, so that NATS takes it from one alone. That its time is
 * over is for whoever reads it to see, by NATS' time of writing; the stream lets it go later.
 */
export function createNatsRegistry(
  ask: Link['ask'],
  { name, subjects, storage, replicas, servers }: RegistryOptions,
): Registry {
  const opened = new WeakMap<At, Promise<void>>()
  let kept = 0 // for so long, in ms, as far as is known

  return { get, compareAndSet, address }

  function get(key: string): Promise<string | undefined> {
    return ask(async at => {
      await open(at, usual)
      return (await read(at, key)).text
    })
  }

  /** The same again finds its text there, if it was put the first time. */
  function compareAndSet(
    key: string,
    expected: string | undefined,
    text: string,
    lasts: number,
  ): Promise<string | undefined> {
    const headers = headersOf({ [lastsHeader]: String(Math.ceil(lasts)) })
    return ask(async at => {
      await open(at, lasts)
      for (;;) {
        const there = await read(at, key)
        if (there.text !== expected) return there.text
        const expect = { lastSubjectSequence: there.at }
        const { seq } = await at.js.publish(subjects.of(key), text, { expect, headers }).catch(unlessWrong)
        if (seq > 0) return text
      }
    })
  }

  /** As whoever leads the others has it: they may be behind. */
  async function read({ jsm }: At, key: string): Promise<Found> {
    const found = await jsm.streams.getMessage(name, { last_by_subj: subjects.of(key) }).catch(nothing)
    if (!found) return { at: 0, text: undefined }
    const until = found.time.getTime() + Number(found.header.get(lastsHeader))
    return { at: found.seq, text: until > Date.now() ? found.string() : undefined }
  }

  /** Once on each connection: it may have been deleted. */
  async function open(at: At, lasts: number): Promise<void> {
    const opening = opened.get(at) ?? look(at)
    opened.set(at, opening)
    await opening.catch(error => {
      opened.delete(at)
      throw error
    })
    if (lasts > kept) await keepFor(at, lasts)
  }

  async function look({ jsm }: At): Promise<void> {
    const { config } = await jsm.streams.info(name).catch(error => {
      if (!(error instanceof JetStreamApiError) || error.code !== 10_059) throw error
      return make(jsm)
    })
    kept = config.max_age / nanos(1)
  }

  async function make(jsm: JetStreamManager): Promise<StreamInfo> {
    const made = {
      name,
      subjects: [subjects.all],
      storage: storage === 'file' ? StorageType.File : StorageType.Memory,
      num_replicas: replicas,
      max_msgs_per_subject: 1,
      max_age: nanos(usual),
      discard: DiscardPolicy.Old,
    }
    // Of two nodes one makes it.
    return jsm.streams.add(made).catch(() => jsm.streams.info(name))
  }

  /** Longer than it does now, whoever said so. */
  async function keepFor(at: At, lasts: number): Promise<void> {
    await look(at)
    if (lasts > kept) await at.jsm.streams.update(name, { max_age: nanos(Math.ceil(lasts)) })
    kept = Math.max(kept, lasts)
  }

  async function address(): Promise<string | undefined> {
    for (const server of servers) {
      const { hostname, port } = new URL(/^\w+:\/\//.test(server) ? server : `nats://${server}`)
      const own = await localAddressTo(hostname.replace(/^\[|\]$/g, ''), Number(port) || 4222)
      if (own !== undefined) return own
    }
    return undefined
  }
}
