import { tell } from './tell.js'

tell(Throughline.connect, { transports: ['websocket'] })
