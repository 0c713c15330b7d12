export const transports = ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp'] as const
