let scene = $state.raw({})

export const box = {
  get scene() {
    return scene
  },
  set scene(next) {
    scene = next
  },
}
