import { StrictMode } from 'react'
import { createRoot, hydrateRoot, type Root } from 'react-dom/client'
import { Stage } from './react-stage.tsx'
import { publish, type Scene } from './scene.ts'

const place = document.getElementById('app') as HTMLElement
const isStrict = location.search.includes('strict')
let root: Root | undefined

function stage(scene: Scene) {
  return isStrict ? (
    <StrictMode>
      <Stage scene={scene} />
    </StrictMode>
  ) : (
    <Stage scene={scene} />
  )
}

publish({
  show(scene) {
    root ??= createRoot(place)
    root.render(stage(scene))
  },
  hydrate(scene) {
    root = hydrateRoot(place, stage(scene), {
      onRecoverableError: error => Object.assign(globalThis, { mismatch: `${error}` }),
    })
  },
  hide() {
    root?.unmount()
    root = undefined
  },
})
