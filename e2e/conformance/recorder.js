/**
 * Writes down what a line says, in words that travel as JSON and read well in a failed expectation: `open`,
 * `message hello #7` (its data and, if there is one, its lastEventId), `error 0` (the readyState it is told in).
 * For a page and for a worker.
 */
globalThis.connectPlain = (url, channel, options) =>
  channel === 'drop-in'
    ? new DropIn.EventSource(url, options)
    : Throughline.connect(url, {
        dialect: Throughline.plainWith({ letter: true }),
        transports: [].concat(channel),
        ...options,
      })

/** Listens until `count` things were heard, or `patience` ms went by, then closes. */
globalThis.record = ({ url, channel, names = [], count, options, patience = 6_000 }) =>
  new Promise(resolve => {
    const heard = []
    const line = connectPlain(url, channel, options)
    const finish = () => {
      clearTimeout(limit)
      line.close()
      resolve(heard)
    }
    const limit = setTimeout(() => {
      heard.push(`nothing more, readyState ${line.readyState}`)
      finish()
    }, patience)
    const note = words => {
      if (heard.length === count) return
      heard.push(words)
      // What else comes in the same breath is not wanted, but would be seen.
      if (heard.length === count) setTimeout(finish)
    }
    const message = ({ type, data, lastEventId }) =>
      note(`${type} ${data}${lastEventId ? ` #${lastEventId}` : ''}`)
    line.onopen = () => note('open')
    line.onerror = () => note(`error ${line.readyState}`)
    for (const name of ['message', ...names]) line.addEventListener(name, message)
  })

/** A few at a time: a browser opens six connections to a host, and some of these hold theirs. */
globalThis.recordAll = async (cases, where) => {
  if (where) return recordThere(cases, where)
  const results = []
  const waiting = cases.entries()
  const work = async () => {
    for (const [index, each] of waiting) {
      results[index] = await record(each).catch(error => [`${error.name}: ${error.message}`])
    }
  }
  await Promise.all([work(), work(), work(), work()])
  return results
}

/** The same in a worker of this kind. */
const recordThere = (cases, where) =>
  new Promise(resolve => {
    const worker = new globalThis[where]('/conformance/worker.js')
    const port = worker.port ?? worker
    port.onmessage = event => resolve(event.data)
    port.postMessage(cases)
  })
