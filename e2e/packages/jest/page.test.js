/** @jest-environment jsdom */
const { connect } = require('throughline')

let line
afterEach(() => line.close())

test('a page shows what its line hears', async () => {
  document.body.innerHTML = '<p>nothing yet</p>'
  line = connect(process.env.LIVE_URL)
  const lobby = line.subscribe('lobby')
  const shown = new Promise(resolve => {
    lobby.onmessage = ({ data }) => {
      document.querySelector('p').textContent = data
      resolve()
    }
  })
  await lobby.opened
  await line.send('hello')
  await shown
  expect(document.body.textContent).toBe('heard hello')
  expect(line.transport).toBe('websocket')
})
