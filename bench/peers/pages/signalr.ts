import { HttpTransportType, HubConnectionBuilder, LogLevel } from '@microsoft/signalr'
import type { Open } from '../peer.ts'

const transports: Record<string, HttpTransportType> = {
  websocket: HttpTransportType.WebSockets,
  eventsource: HttpTransportType.ServerSentEvents,
  'long-polling': HttpTransportType.LongPolling,
}

export const open: Open = ({ heard }, via) => {
  const transport = via && transports[via] ? { transport: transports[via] } : {}
  const connection = new HubConnectionBuilder()
    .withUrl('/signalr', transport)
    .withAutomaticReconnect()
    .configureLogging(LogLevel.None)
    .build()
  connection.on('message', heard)
  // What cannot start is started again, as its documentation advises.
  const start = (): unknown => connection.start().catch(() => setTimeout(start, 1_000))
  start()
  return { send: text => connection.send('message', text), close: () => void connection.stop() }
}
