import { connect } from '../../../src/index.ts'
import { offer } from './measure.ts'

offer(heard => {
  const line = connect('/live')
  line.onmessage = ({ data }) => heard(data as string)
  return () => line.close()
})
