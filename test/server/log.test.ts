import { memoryLog } from '../../server/index.ts'
import { logContract } from './log-contract.ts'

logContract(memoryLog, 500)
