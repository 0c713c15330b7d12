import { publish, type Scene } from './scene.ts'
import Stage from './svelte-4/Stage.svelte'

/** A component as Svelte 4 compiles it. */
type Component = new (options: {
  target: Element | null
  props: object
  hydrate?: boolean
}) => { $set(props: object): void; $destroy(): void }

let stage: InstanceType<Component> | undefined

function begin(scene: Scene, hydrate: boolean): void {
  stage = new (Stage as unknown as Component)({
    target: document.getElementById('app'),
    props: { scene },
    hydrate,
  })
}

publish({
  show(scene) {
    if (stage) stage.$set({ scene })
    else begin(scene, false)
  },
  hydrate: scene => begin(scene, true),
  hide() {
    stage?.$destroy()
    stage = undefined
  },
})
