import { HubConnectionBuilder, LogLevel } from '@microsoft/signalr'
import { offer } from './measure.ts'

offer(heard => {
  const connection = new HubConnectionBuilder().withUrl('/signalr').configureLogging(LogLevel.None).build()
  connection.on('hello', heard)
  // What cannot start is started again, as its documentation advises.
  const start = (): unknown => connection.start().catch(() => setTimeout(start, 1_000))
  start()
  return () => void connection.stop()
})
