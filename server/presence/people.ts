/** A principal in a topic, or somebody who has none. */
export interface Present {
  readonly id: string
  /** Its public data, as JSON; empty if it has none. */
  data: string
  /** How many sessions of this node hear the topic for it. */
  sessions: number
  /** Runs while its last session here has gone and may come back. */
  leaving: NodeJS.Timeout | undefined
  /** The other nodes where it is. */
  nodes: Set<string> | undefined
}

/** Who is in which topic, over all nodes. */
export interface People {
  /** One more session of this node hears the topic for `id`. */
  come(topic: string, id: string, data: string): void
  /** One session less. `vanished`: it had its time to come back, and is given no more. */
  go(topic: string, id: string, vanished: boolean): void
  /** Its public data has changed. */
  rename(topic: string, id: string, data: string): void
  /** Another node says that somebody is there, or not any more. */
  comeElsewhere(node: string, topic: string, id: string, data: string): void
  goElsewhere(node: string, topic: string, id: string): void
  /** Those in a topic, by id. */
  in(topic: string): ReadonlyMap<string, Present>
  /** Those who are on this node. */
  here(): Iterable<[topic: string, person: Present]>
  /** Nobody is told to have gone any more. */
  stop(): void
}

interface Hooks {
  /** Somebody came, went, or has other data. */
  changed(topic: string, id: string): void
  /** The same on this node alone. Without a person: gone. */
  changedHere(topic: string, id: string, person: Present | undefined): void
}

/** Milliseconds in which whoever has said goodbye may come back as if nothing had been: a page that is loaded anew says goodbye first. */
export const grace = 500

export function createPeople({ changed, changedHere }: Hooks): People {
  const topics = new Map<string, Map<string, Present>>()

  return { come, go, rename, comeElsewhere, goElsewhere, in: within, here, stop }

  function within(topic: string): ReadonlyMap<string, Present> {
    return topics.get(topic) ?? nobody
  }

  function come(topic: string, id: string, data: string): void {
    const person = find(topic, id)
    const wasHere = isHere(person)
    clearTimeout(person.leaving)
    person.leaving = undefined
    person.sessions++
    if (wasHere) return rename(topic, id, data)
    const isNews = !person.nodes || person.data !== data
    person.data = data
    changedHere(topic, id, person)
    if (isNews) changed(topic, id)
  }

  function go(topic: string, id: string, vanished: boolean): void {
    const person = topics.get(topic)?.get(id)
    if (!person || --person.sessions > 0) return
    if (vanished) leave(topic, person)
    else person.leaving = setTimeout(leave, grace, topic, person).unref()
  }

  function leave(topic: string, person: Present): void {
    person.leaving = undefined
    changedHere(topic, person.id, undefined)
    forget(topic, person)
  }

  function rename(topic: string, id: string, data: string): void {
    const person = topics.get(topic)?.get(id)
    if (!person || person.data === data) return
    person.data = data
    changedHere(topic, id, person)
    changed(topic, id)
  }

  function comeElsewhere(node: string, topic: string, id: string, data: string): void {
    const person = find(topic, id)
    const isNews = (!isHere(person) && !person.nodes) || person.data !== data
    person.nodes = (person.nodes ?? new Set()).add(node)
    person.data = data
    if (isNews) changed(topic, id)
  }

  function goElsewhere(node: string, topic: string, id: string): void {
    const person = topics.get(topic)?.get(id)
    if (!person?.nodes?.delete(node)) return
    if (person.nodes.size === 0) person.nodes = undefined
    forget(topic, person)
  }

  function find(topic: string, id: string): Present {
    const people = topics.get(topic) ?? new Map<string, Present>()
    topics.set(topic, people)
    const known = people.get(id)
    if (known) return known
    const person: Present = { id, data: '', sessions: 0, leaving: undefined, nodes: undefined }
    people.set(id, person)
    return person
  }

  function forget(topic: string, person: Present): void {
    if (isHere(person) || person.nodes) return
    const people = topics.get(topic)
    people?.delete(person.id)
    if (people?.size === 0) topics.delete(topic)
    changed(topic, person.id)
  }

  function* here(): Iterable<[topic: string, person: Present]> {
    for (const [topic, people] of topics)
      for (const person of people.values()) if (isHere(person)) yield [topic, person]
  }

  function stop(): void {
    for (const [, { leaving }] of here()) clearTimeout(leaving)
  }
}

const nobody: ReadonlyMap<string, Present> = new Map()

function isHere({ sessions, leaving }: Present): boolean {
  return sessions > 0 || leaving !== undefined
}
