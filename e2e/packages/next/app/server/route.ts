import { createHub } from 'throughline/server'

/** A route handler may have a hub; here one that hears what it publishes. */
export async function GET() {
  const hub = createHub({ path: '/live' })
  const id = await hub.publish('lobby', 'from a route')
  await hub.close()
  return Response.json({ id })
}
