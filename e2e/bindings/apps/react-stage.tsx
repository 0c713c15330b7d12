import {
  LineProvider,
  useLine,
  useLineContext,
  useMessages,
  usePresence,
  useStream,
  useSubscription,
} from 'throughline/react'
import { hasList, overSocket, type RoomScene, rendered, type Scene, told } from './scene.ts'

export function Stage({ scene }: { scene: Scene }) {
  rendered('stage')
  const { rooms = [], crowd, ask, who } = scene
  // As people write it: new with each rendering.
  const made = { ...overSocket, ...(who && { params: () => ({ who }) }) }
  return (
    <LineProvider url={scene.url ?? null} options={made}>
      <State />
      {rooms.map(room =>
        room.listens ? <Listener key={room.id} {...room} /> : <Room key={room.id} {...room} />,
      )}
      {crowd && <Crowd topic={crowd} />}
      {scene.url && <Beside url={scene.url} />}
      {ask && <Ask {...ask} />}
    </LineProvider>
  )
}

function State() {
  rendered('state')
  const live = useLineContext()
  told.parts.live = live
  const { state, transport, error } = live
  return <p id='line'>{`${state} ${transport ?? 'by nothing'} ${error?.code ?? ''}`}</p>
}

/** A line of its own, to the same address: one connection carries both. */
function Beside({ url }: { url: string }) {
  const { state } = useLine(url, overSocket)
  return <p id='beside'>{state}</p>
}

function Room({ id, topic, limit, history, initial }: RoomScene) {
  rendered(id)
  const { line } = useLineContext()
  const room = useMessages(line, topic, { limit, history, initial })
  const { messages, gap, state } = room
  hasList(id, messages)
  told.parts[id] = room
  return (
    <ol id={id} title={gap ? `${state}, gap` : state}>
      {messages.map(({ key, data }) => (
        <li key={key}>{data}</li>
      ))}
    </ol>
  )
}

function Listener({ id, topic }: RoomScene) {
  rendered(id)
  const { line } = useLineContext()
  const { state } = useSubscription(line, topic, {
    on: { typing: ({ data }) => told.heard.push(`${id} ${data}`) },
  })
  return <p id={id}>{state}</p>
}

function Crowd({ topic }: { topic: string }) {
  rendered('crowd')
  const { line } = useLineContext()
  const { people, count, error } = usePresence(line, topic)
  return <p id='crowd'>{error ? error.code : `${count}: ${people.map(({ id }) => id)}`}</p>
}

function Ask({ url, options }: NonNullable<Scene['ask']>) {
  rendered('ask')
  const answer = useStream(url, options)
  told.parts.ask = answer
  const { text, status, events } = answer
  return <p id='ask'>{`${status} ${events.length} ${text}`}</p>
}
