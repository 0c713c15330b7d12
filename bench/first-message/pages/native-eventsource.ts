import { offer } from './measure.ts'

offer(heard => {
  const source = new EventSource('/stream')
  source.onmessage = ({ data }) => heard(data)
  return () => source.close()
})
