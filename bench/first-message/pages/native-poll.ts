import { offer } from './measure.ts'

offer(heard => {
  const request = new XMLHttpRequest()
  request.open('GET', '/poll')
  request.onload = () => heard(request.responseText)
  request.send()
  return () => request.abort()
})
