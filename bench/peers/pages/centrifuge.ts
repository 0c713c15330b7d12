import { Centrifuge, type TransportEndpoint } from 'centrifuge'
import type { Open } from '../peer.ts'

export const open: Open = ({ heard }, via) => {
  const at = (name: string, scheme = 'http') => `${scheme}://${location.host}/centrifuge/${name}`
  const endpoints: TransportEndpoint[] = [
    { transport: 'websocket', endpoint: at('socket', 'ws') },
    { transport: 'http_stream', endpoint: at('http_stream') },
    { transport: 'sse', endpoint: at('sse') },
  ]
  const client = new Centrifuge(endpoints.filter(({ transport }) => !via || transport === via))
  client.on('message', ({ data }) => heard(data))
  client.connect()
  return { send: text => client.send(text), close: () => client.disconnect() }
}
