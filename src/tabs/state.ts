/**
 * What a line does that shares the channel of another tab.
 *
 * | | |
 * |---|---|
 * | `seeking` | it waits for the lock, or for a tab that has it and an open channel. `refused`: the session of one that could not carry it |
 * | `carried` | the session `by`, of another tab, brings what the server says |
 * | `holding` | it has the lock, and a channel of its own that carries others |
 * | `alone` | it has a channel of its own: the tab that has the lock cannot carry it |
 * | `over` | its channel has ended, or was closed |
 */
export type State =
  | { readonly name: 'seeking'; readonly refused?: string }
  | { readonly name: 'carried'; readonly by: string }
  | { readonly name: 'holding' | 'alone' | 'over' }

/** `holder`: the tab that has the lock is in this session; without one, its channel is not open. */
export type Signal =
  | readonly ['granted' | 'stolen' | 'unable' | 'refused' | 'ended']
  | readonly ['holder', by: string]

export const seeking: State = { name: 'seeking' }

/** What comes after a state. The same state: nothing changes. */
export function next(state: State, [type, by = '']: Signal): State {
  if (state.name === 'over') return state
  if (type === 'ended') return { name: 'over' }
  switch (state.name) {
    case 'seeking':
      if (type === 'granted') return { name: 'holding' }
      if (type === 'unable' || (by && by === state.refused)) return { name: 'alone' }
      return by ? { name: 'carried', by } : state
    case 'carried':
      if (type === 'granted') return { name: 'holding' }
      if (type === 'refused') return { name: 'seeking', refused: state.by }
      if (type === 'unable') return { name: 'alone' }
      if (type !== 'holder' || by === state.by) return state
      return by ? { name: 'carried', by } : seeking
    case 'holding':
      return type === 'stolen' ? seeking : state
    case 'alone':
      return state
  }
}
