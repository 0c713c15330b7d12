import {
  type LineSnapshot,
  type Refs,
  useLine,
  useMessages,
  usePresence,
  useStream,
  useSubscription,
} from 'throughline/vue'
import { defineComponent, h, inject, type PropType, provide } from 'vue'
import type { Line } from '../../../src/index.ts'
import { hasList, overSocket, type RoomScene, rendered, type Scene, told } from './scene.ts'

type Live = Refs<LineSnapshot<Line<Record<string, string>>>>

function live(): Live {
  return inject('live') as Live
}

const State = defineComponent(() => {
  const { line, state, transport, error } = live()
  return () => {
    rendered('state')
    told.parts.live = { line: line.value }
    return h(
      'p',
      { id: 'line' },
      `${state.value} ${transport.value ?? 'by nothing'} ${error.value?.code ?? ''}`,
    )
  }
})

const Beside = defineComponent({
  props: { url: { type: String, required: true } },
  setup(props) {
    const { state } = useLine(() => props.url, overSocket)
    return () => h('p', { id: 'beside' }, state.value)
  },
})

const Room = defineComponent({
  props: { room: { type: Object as PropType<RoomScene>, required: true } },
  setup(props) {
    const { line } = live()
    const { messages, gap, state, loadOlder } = useMessages(
      line,
      () => props.room.topic,
      () => props.room,
    )
    return () => {
      const { id } = props.room
      rendered(id)
      hasList(id, messages.value)
      told.parts[id] = { messages: messages.value, gap: gap.value, loadOlder }
      const items = messages.value.map(({ key, data }) => h('li', { key }, data))
      return h('ol', { id, title: gap.value ? `${state.value}, gap` : state.value }, items)
    }
  },
})

const Listener = defineComponent({
  props: { room: { type: Object as PropType<RoomScene>, required: true } },
  setup(props) {
    const { line } = live()
    const { state } = useSubscription(line, () => props.room.topic, {
      on: { typing: ({ data }) => told.heard.push(`${props.room.id} ${data}`) },
    })
    return () => h('p', { id: props.room.id }, state.value)
  },
})

const Crowd = defineComponent({
  props: { topic: { type: String, required: true } },
  setup(props) {
    const { people, count, error } = usePresence(live().line, () => props.topic)
    return () => {
      rendered('crowd')
      const ids = people.value.map(({ id }) => id)
      return h('p', { id: 'crowd' }, error.value ? error.value.code : `${count.value}: ${ids}`)
    }
  },
})

const Ask = defineComponent({
  props: { ask: { type: Object as PropType<NonNullable<Scene['ask']>>, required: true } },
  setup(props) {
    const { text, status, events, start, stop } = useStream(
      () => props.ask.url,
      () => props.ask.options ?? {},
    )
    told.parts.ask = { start, stop }
    return () => {
      rendered('ask')
      return h('p', { id: 'ask' }, `${status.value} ${events.value.length} ${text.value}`)
    }
  },
})

export const Stage = defineComponent({
  props: { scene: { type: Object as PropType<Scene>, required: true } },
  setup(props) {
    provide(
      'live',
      useLine(
        () => props.scene.url,
        () => ({
          ...overSocket,
          ...(props.scene.who && { params: () => ({ who: props.scene.who }) }),
        }),
      ),
    )
    return () => {
      rendered('stage')
      const { rooms = [], crowd, ask, url } = props.scene
      return [
        h(State),
        ...rooms.map(room => h(room.listens ? Listener : Room, { key: room.id, room })),
        crowd && h(Crowd, { topic: crowd }),
        url && h(Beside, { url }),
        ask && h(Ask, { ask }),
      ]
    }
  },
})
