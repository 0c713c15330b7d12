import { Centrifuge } from 'centrifuge'
import { offer } from './measure.ts'

offer(heard => {
  const at = (name: string, scheme = 'http') => `${scheme}://${location.host}/centrifuge/${name}`
  const client = new Centrifuge([
    { transport: 'websocket', endpoint: at('socket', 'ws') },
    { transport: 'http_stream', endpoint: at('http_stream') },
    { transport: 'sse', endpoint: at('sse') },
  ])
  client.on('message', ({ data }) => heard(data))
  client.connect()
  return () => client.disconnect()
})
