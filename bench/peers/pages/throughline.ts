import { connect } from '../../../src/index.ts'
import type { Open } from '../peer.ts'

export const open: Open = ({ heard, failed }, via) => {
  const line = connect('/live', {
    params: { topic: 'bench' },
    ...(via && { transports: [via as 'websocket'] }),
  })
  line.onmessage = ({ data }) => heard(data as string)
  line.addEventListener('gap', failed)
  return { send: text => line.send(text), close: () => line.close() }
}
