const { connect } = require('throughline')
const { tell } = require('./tell.js')

tell(connect, { transports: ['websocket'] })
