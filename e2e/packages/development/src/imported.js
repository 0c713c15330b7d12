import { connect } from 'throughline'
import { tell } from './tell.js'

tell(connect, { transports: ['websocket'] })
