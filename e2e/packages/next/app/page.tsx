import { json } from 'throughline'
import { Live } from './live'

/** LIVE_SERVER is read when the page is asked for, not when it is built. */
export const dynamic = 'force-dynamic'

/** A server component: what needs no browser works here. */
export default function Page() {
  const packed = json.encode({ made: 'on the server' })
  return (
    <main>
      <Live url={`${process.env.LIVE_SERVER ?? ''}/live`} />
      <pre id='report'>{JSON.stringify(packed)}</pre>
    </main>
  )
}
