/**
 * What Redis does in one piece. A log there is, under one prefix:
 * `:log` a hash: `epoch`, `top` (the newest number), `run` (the Redis process that wrote it), `keys` (`from:key,…`: the keys
 * that numbers are scrambled with, and from which number on; see `begin`).
 * `:topic:<name>` a stream of what the topic keeps, ids being `<seq>-<key>`.
 * `:recent` a stream that says to which topics the newest numbers went.
 * `:trimmed` a hash, topic → the newest number it had to let go. `:dropped` the same of dropped topics, as a sorted set.
 * `:private` a sorted set of topics that are dropped when nobody wrote there for long.
 * `:kept:<node>` a hash: what a node appended and may not have heard of, its own number → `<epoch> <seq> <key>`.
 */
export type ScriptName = keyof typeof scripts

/** Each finds the log, or begins one with the epoch and the key the caller offers. */
const head = `
local log, epoch, top, keys = KEYS[1], unpack(redis.call('HMGET', KEYS[1], 'epoch', 'top', 'keys'))
if not epoch then
  epoch, top, keys = ARGV[1], '0', '0:' .. ARGV[2]
  redis.call('HSET', log, 'epoch', epoch, 'top', top, 'keys', keys)
end
local function text(number) return string.format('%.0f', number) end
local function seqOf(place) return string.match(place, '^%d+') end
`

export const scripts = {
  /**
   * KEYS: log. ARGV: epoch, key, run. A Redis that was started anew may have lost the last messages, and gives their numbers
   * to others: from here on they are scrambled with another key, so that an id of a lost one is told apart.
   */
  begin: `${head}
local run = redis.call('HGET', log, 'run')
if run ~= ARGV[3] then
  if run then keys = keys .. ',' .. text(tonumber(top) + 1) .. ':' .. ARGV[2] end
  while #keys > 4096 do keys = string.match(keys, ',(.*)') end
  redis.call('HSET', log, 'run', ARGV[3], 'keys', keys)
end
return {epoch, top, keys}`,

  /**
   * KEYS: log, topic, recent, trimmed, dropped, private, kept.
   * ARGV: epoch, key, number of this append, lowest number not yet answered, retain, recent, topic, block, time if private.
   */
  append: `${head}
local known = redis.call('HGET', KEYS[7], ARGV[3])
if known then return known end
local seq = text(redis.call('HINCRBY', log, 'top', 1))
local key = string.match(keys, '%d+$')
redis.call('XADD', KEYS[2], seq .. '-' .. key, 'b', ARGV[8])
redis.call('XADD', KEYS[3], 'MAXLEN', '=', ARGV[6], seq .. '-' .. key, 't', ARGV[7])
local length = redis.call('XLEN', KEYS[2])
if length == 1 then
  local lost = redis.call('ZSCORE', KEYS[5], ARGV[7])
  if lost then redis.call('HSET', KEYS[4], ARGV[7], lost) end
end
if length > tonumber(ARGV[5]) then
  local gone = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', length - tonumber(ARGV[5]))
  redis.call('HSET', KEYS[4], ARGV[7], seqOf(gone[#gone][1]))
  redis.call('XTRIM', KEYS[2], 'MAXLEN', '=', ARGV[5])
end
if ARGV[9] ~= '' then redis.call('ZADD', KEYS[6], ARGV[9], ARGV[7]) end
for number = tonumber(redis.call('HGET', KEYS[7], 'from') or ARGV[4]), tonumber(ARGV[4]) - 1 do
  redis.call('HDEL', KEYS[7], text(number))
end
local place = epoch .. ' ' .. seq .. ' ' .. key
redis.call('HSET', KEYS[7], ARGV[3], place, 'from', ARGV[4])
redis.call('PEXPIRE', KEYS[7], 600000)
redis.call('PUBLISH', log, place .. '\\n' .. ARGV[7] .. '\\n' .. ARGV[8])
return place`,

  /**
   * KEYS: log, trimmed, dropped, topics. ARGV: epoch, key, the cursor's epoch and number, entries and bytes that are enough,
   * topics. Of each topic comes a beginning; nothing is missing up to the number `whole`.
   */
  after: `${head}
local from = ARGV[3] == epoch and tonumber(ARGV[4]) or 0
local trimmed, whole, found = 0, -1, {}
for topic = 4, #KEYS do
  local name = ARGV[topic + 3]
  local lost = redis.call('HGET', KEYS[2], name) or redis.call('ZSCORE', KEYS[3], name)
  trimmed = math.max(trimmed, tonumber(lost or 0))
  local start, count, bytes, some = from + 1, 0, 0
  repeat
    some = redis.call('XRANGE', KEYS[topic], text(start), '+', 'COUNT', 16)
    for _, entry in ipairs(some) do
      found[#found + 1] = {entry[1], name, entry[2][2]}
      start, count, bytes = tonumber(seqOf(entry[1])) + 1, count + 1, bytes + #entry[2][2]
    end
  until #some < 16 or count > tonumber(ARGV[5]) or bytes > tonumber(ARGV[6])
  if #some == 16 and (whole < 0 or start - 1 < whole) then whole = start - 1 end
end
return {epoch, top, keys, text(trimmed), text(whole), found}`,

  /**
   * KEYS: log, recent. ARGV: epoch, key, epoch and number after which to go on, what the keys of topics begin with.
   * All that was appended since, some at a time; nothing if that cannot be told.
   */
  since: `${head}
local seq = tonumber(ARGV[4])
if ARGV[3] ~= epoch or seq > tonumber(top) then return {epoch, top, keys} end
local found, bytes = {}, 0
for _, recent in ipairs(redis.call('XRANGE', KEYS[2], text(seq + 1), '+', 'COUNT', 200)) do
  local topic = recent[2][2]
  local entry = redis.call('XRANGE', ARGV[5] .. topic, recent[1], recent[1])[1]
  seq = seq + 1
  if not entry or tonumber(seqOf(recent[1])) ~= seq then return {epoch, top, keys} end
  found[#found + 1] = {recent[1], topic, entry[2][2]}
  bytes = bytes + #entry[2][2]
  if bytes > 1048576 then break end
end
if #found == 0 and seq < tonumber(top) then return {epoch, top, keys} end
return {epoch, top, keys, found}`,

  /** KEYS: log, topic, trimmed, dropped, private. ARGV: epoch, key, topic, how many dropped ones are remembered. */
  drop: `${head}
local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
if newest then
  redis.call('ZADD', KEYS[4], seqOf(newest[1]), ARGV[3])
  redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -1 - tonumber(ARGV[4]))
end
redis.call('DEL', KEYS[2])
redis.call('HDEL', KEYS[3], ARGV[3])
redis.call('ZREM', KEYS[5], ARGV[3])
return ''`,

  /** KEYS: log, private. ARGV: epoch, key, time. Private topics in which nobody wrote since then. */
  idle: `${head}
return redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[3], 'LIMIT', 0, 100)`,
} as const
