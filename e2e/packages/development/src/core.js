import { connect, native, websocket } from 'throughline/core'
import { tell } from './tell.js'

tell(connect, { transport: websocket, dialect: native })
