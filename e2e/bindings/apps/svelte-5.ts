import { hydrate, mount, unmount } from 'svelte'
import { publish } from './scene.ts'
import { box } from './svelte-5/box.svelte.js'
import Stage from './svelte-5/Stage.svelte'

const target = document.getElementById('app') as HTMLElement
let stage: object | undefined

publish({
  show(scene) {
    box.scene = scene
    stage ??= mount(Stage, { target, props: box })
  },
  hydrate(scene) {
    box.scene = scene
    stage = hydrate(Stage, { target, props: box })
  },
  hide() {
    if (stage) void unmount(stage)
    stage = undefined
  },
})
