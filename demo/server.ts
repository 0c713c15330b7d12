import { startDemo } from './demo.ts'

/** The demo on PORT (8080) and HOST (127.0.0.1), until it is told to stop. HOSTS: further names that lead here, with commas between. */
const { PORT = '8080', HOST = '127.0.0.1', HOSTS = '' } = process.env
const hosts = HOSTS.split(/[\s,]+/).filter(Boolean)

startDemo({ port: Number(PORT), host: HOST, hosts }).then(demo => {
  console.log(`Throughline demo: ${demo.url}/`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, demo.close)
}, explain)

function explain(error: NodeJS.ErrnoException): void {
  const busy = `port ${PORT} is taken by another program; choose another one: PORT=8090 npm start`
  console.error(`The demo did not start: ${error.code === 'EADDRINUSE' ? busy : error.message}`)
  process.exitCode = 1
}
