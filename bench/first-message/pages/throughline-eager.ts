import { connect } from '../../../src/index.ts'
import type { Open } from '../../peers/peer.ts'

export const open: Open = ({ heard }) => {
  const line = connect('/live', { eager: true })
  line.onmessage = ({ data }) => heard(data as string)
  return { close: () => line.close() }
}
