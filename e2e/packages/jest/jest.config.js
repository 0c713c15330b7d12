module.exports = { globalSetup: './server.js', globalTeardown: './server-end.js' }
