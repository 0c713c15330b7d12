module.exports = () => globalThis.endServer()
