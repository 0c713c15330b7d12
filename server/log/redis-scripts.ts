/**
 * What Redis does in one piece. A log there is, under one prefix:
 * `:log` a hash: `epoch`, `top` (the newest number), `run` (the Redis process that wrote it), `keys` (`from:key,…`: the keys
 * that numbers are scrambled with, and from which number on; see `begin`), `floor:<kind>` (the highest number of dropped
 * topics whose names are forgotten), `whole` (there is or was a topic that is kept whole), `turn` and `turned` (the first number of this minute, and
 * when that was, in ms; see `append`).
 * `:topic:<name>` a stream of what the topic keeps, ids being `<seq>-<key>`: `b`, the block, and `t`, when it was kept, in ms.
 * `:recent` a stream that says to which topics the newest numbers went of channels that several topics have, ids being those of the messages: `t`, the topic,
 * and `p`, the number before it in its channel.
 * `:trimmed` a hash, topic → the newest number it had to let go.
 * `:channels` a sorted set of the channels that several topics have, by the newest number in each.
 * `:newest:public` a hash, topic → the newest number in it. `:newest:private` a sorted set of topics, by that. `:dropped:<kind>` a sorted set of dropped
 * ones, by the newest number in each.
 * `:due` a sorted set of topics, by the time in ms at which each is over if nobody publishes in it. One that stays for ever is not in it.
 * `:whole` a hash of the topics that are kept whole, topic → `<ms that it lasts, or nothing>/<the newest number that it had lost before it began>`.
 * `:registry:<key>` a text that hubs leave for each other.
 * `:kept:<node>` a hash: what a node appended and may not have heard of, its own number → `<epoch> <seq> <key>`; `from`, the lowest number in it; `until`, when
 * its end is put off again, in ms.
 * The kinds are `public`, and `private` for the topics of sessions: they come and go in large numbers.
 */
export type ScriptName = keyof typeof scripts

/**
 * Each finds the log, or begins one with the epoch and the key the caller offers. A full Redis refuses a script whose first
 * write could take memory, and none after a write that frees some.
 */
const head = `
local log = KEYS[1]
local epoch, top, keys, wholes, turn, turned = unpack(redis.call('HMGET', log, 'epoch', 'top', 'keys', 'whole', 'turn', 'turned'))
if not epoch then
  redis.call('DEL', log)
  epoch, top, keys = ARGV[1], '0', '0:' .. ARGV[2]
  redis.call('HSET', log, 'epoch', epoch, 'top', top, 'keys', keys)
end
local function text(number) return string.format('%.0f', number) end
local function seqOf(place) return string.match(place, '^%d+') end
local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
`

/** A cluster carries what is published to all its nodes, unless the channel is in a slot, as 7.0 and later have it: then only to those that have the slot. */
const tell = `
local function tell(way, channel, text)
  local told = way == 'sharded' and redis.pcall('SPUBLISH', channel, text)
  if type(told) ~= 'number' then redis.pcall('PUBLISH', channel, text) end
end
`

export const scripts = {
  /**
   * KEYS: log, trial. ARGV: epoch, key, run. A Redis that was started anew may have lost the last messages, and gives their
   * numbers to others: from here on they are scrambled with another key, so that an id of a lost one is told apart.
   * First it tries all that the other scripts do, so that a user without the right to one of them is told of it here, and not
   * when half a message is kept; a replica refuses the very first.
   */
  begin: `
local trial = KEYS[2]
for _, command in ipairs({
  {'DEL', trial},
  {'HINCRBY', trial, 'a', 1},
  {'HSET', trial, 'a', 1},
  {'HGET', trial, 'a'},
  {'HDEL', trial, 'a'},
  {'ZADD', trial, 1, 'a'},
  {'ZSCORE', trial, 'a'},
  {'ZRANGEBYSCORE', trial, 1, 1},
  {'ZRANGE', trial, 0, 0},
  {'ZCARD', trial},
  {'ZREMRANGEBYRANK', trial, 0, 0},
  {'ZREM', trial, 'a'},
  {'XADD', trial, '1-1', 'a', ''},
  {'XRANGE', trial, '-', '+'},
  {'XREVRANGE', trial, '+', '-'},
  {'XLEN', trial},
  {'XTRIM', trial, 'MAXLEN', '=', '1'},
  {'EXISTS', trial},
  {'DEL', trial},
  {'SET', trial, 'a'},
  {'GET', trial},
  {'PEXPIRE', trial, 1},
  {'TIME'},
  {'DEL', trial},
}) do
  local answer = redis.pcall(unpack(command))
  if type(answer) == 'table' and answer.err then return {err = answer.err .. ' (' .. command[1] .. ')'} end
end
${head}
local run = redis.call('HGET', log, 'run')
if run ~= ARGV[3] then
  if run then
    local from = text(tonumber(top) + 1)
    keys = string.gsub(keys, ',' .. from .. ':%d+$', '') .. ',' .. from .. ':' .. ARGV[2]
  end
  while #keys > 4096 do keys = string.match(keys, ',(.*)') end
  redis.call('HSET', log, 'run', ARGV[3], 'keys', keys)
end
return {epoch, top, keys}`,

  /**
   * KEYS: log, recent, trimmed, dropped public, dropped private, newest public, newest private, kept, due, whole, channels, and for each message the stream of its
   * topic and the channel that is told.
   * ARGV: epoch, key, lowest number not yet answered, recent, `sharded` where channels may have slots; and for each message number of this append, retain, ms
   * until the topic is over or nothing, topic, block, `private` or nothing, `whole` if the topic is to be kept so, the name of a channel that several topics have.
   * Once a topic is kept whole, it stays so, whoever publishes in it. A notice says which number came before it in its channel, so that a hole is seen.
   * When the messages are kept nothing can refuse them any more; that a notice went to nobody is found out by `since`.
   *
   * This runs for the messages of a turn, and nearly all that it costs is the number of its calls and of the strings it makes (`npm run load`). So what has been
   * answered is forgotten some at a time; and in a topic that lasts for hours, and in which something came within the same minute before, the end is not put off
   * again: it was put off by a minute more.
   */
  append: `${head}${tell}
local fixed, each, lowest = 5, 8, tonumber(ARGV[3])
local count, asked, fresh = (#ARGV - fixed) / each, {'from', 'until'}, {}
for nth = 1, count do asked[nth + 2] = ARGV[fixed + (nth - 1) * each + 1] end
local known = redis.call('HMGET', KEYS[8], unpack(asked))
local from, lasting, places = known[1], known[2], {}
for nth = 1, count do
  places[nth] = known[nth + 2]
  if not places[nth] then fresh[#fresh + 1] = nth end
end
if #fresh == 0 then return places end
local seq = redis.call('HINCRBY', log, 'top', #fresh) - #fresh
local key, now = string.match(keys, '%d+$'), now()
if not turn or now - turned >= 60000 then
  turn = text(seq + 1)
  redis.call('HSET', log, 'turn', turn, 'turned', text(now))
end
turn = tonumber(turn)
local notices, taken = {}, {}
for _, nth in ipairs(fresh) do
  local number, retain, lasts, topic, block, kind, way, channel = unpack(ARGV, fixed + (nth - 1) * each + 1, fixed + nth * each)
  local isPublic, stream = kind == '', KEYS[10 + nth * 2]
  seq = seq + 1
  local is = text(seq)
  redis.call('XADD', stream, is .. '-' .. key, 'b', block, 't', text(now))
  local length = redis.call('XLEN', stream)
  local whole, lost = wholes and redis.call('HGET', KEYS[10], topic)
  if length == 1 then
    local dropped = isPublic and KEYS[4] or KEYS[5]
    lost = redis.call('ZSCORE', dropped, topic) or isPublic and redis.call('HGET', log, 'floor:public')
    if lost then redis.call('HSET', KEYS[3], topic, lost) end
    redis.call('ZREM', dropped, topic)
  end
  if way == 'whole' then
    local mark = lasts .. '/' .. (whole and string.match(whole, '/(.*)') or lost or '0')
    if mark ~= whole then redis.call('HSET', KEYS[10], topic, mark) end
    if not wholes then redis.call('HSET', log, 'whole', 'yes') end
    whole, wholes = mark, 'yes'
  elseif whole then
    lasts = string.match(whole, '(.*)/')
  end
  if length > tonumber(retain) and not whole then
    local gone = redis.call('XRANGE', stream, '-', '+', 'COUNT', length - tonumber(retain))
    redis.call('HSET', KEYS[3], topic, seqOf(gone[#gone][1]))
    redis.call('XTRIM', stream, 'MAXLEN', '=', retain)
  end
  local latest
  if isPublic then
    latest = redis.call('HGET', KEYS[6], topic)
    redis.call('HSET', KEYS[6], topic, is)
  else
    latest = redis.call('ZSCORE', KEYS[7], topic)
    redis.call('ZADD', KEYS[7], is, topic)
  end
  local before = latest or '0'
  if channel ~= '' then
    before = redis.call('ZSCORE', KEYS[11], channel) or '0'
    redis.call('ZADD', KEYS[11], is, channel)
    redis.call('ZREMRANGEBYRANK', KEYS[11], 0, -1001)
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], is .. '-' .. key, 't', topic, 'p', before)
  end
  if lasts == '' then
    redis.call('ZREM', KEYS[9], topic)
  elseif whole or tonumber(lasts) < 3600000 then
    redis.call('ZADD', KEYS[9], text(now + lasts), topic)
  elseif not latest or tonumber(latest) < turn then
    redis.call('ZADD', KEYS[9], text(now + lasts + 60000), topic)
  end
  local place = epoch .. ' ' .. is .. ' ' .. key
  places[nth] = place
  taken[#taken + 1] = number
  taken[#taken + 1] = place
  notices[#notices + 1] = {KEYS[11 + nth * 2], place .. ' ' .. before .. '\\n' .. topic .. '\\n' .. block}
end
if not from or lowest - from >= 32 or now >= tonumber(lasting) then
  local answered = {}
  for number = tonumber(from) or lowest, lowest - 1 do
    answered[#answered + 1] = text(number)
    if #answered == 1000 or number == lowest - 1 then
      redis.call('HDEL', KEYS[8], unpack(answered))
      answered = {}
    end
  end
  for _, word in ipairs({'from', text(math.max(lowest, from or 0)), 'until', text(now + 300000)}) do taken[#taken + 1] = word end
  redis.call('HSET', KEYS[8], unpack(taken))
  redis.call('PEXPIRE', KEYS[8], '600000')
else
  redis.call('HSET', KEYS[8], unpack(taken))
end
for _, notice in ipairs(notices) do tell(ARGV[5], notice[1], notice[2]) end
return places`,

  /**
   * KEYS: log, trimmed, dropped public, dropped private, topics.
   * ARGV: epoch, key, the cursor's epoch and number, entries and bytes that are enough, and for each topic its name and where
   * to read on, as the last page said; before these, the `keys` of that page, or nothing.
   * A page of all topics together, in order. Each topic is read in pieces that double, and only when it is its turn: what is
   * read and not given is at most as much as was given, and one entry of each topic. `next` says where each goes on; it is
   * empty if all was read. A page may be empty, and others follow.
   */
  after: `${head}
local ours = ARGV[3] == epoch
local from = ours and tonumber(ARGV[4]) or 0
local hinted = ours and ARGV[7] == keys
local floors = redis.call('HMGET', log, 'floor:public', 'floor:private')
local trimmed, heap = 0, {}
for topic = 1, #KEYS - 4 do
  local name = ARGV[topic * 2 + 6]
  local kind = string.sub(name, 1, 3) == 'rt.' and 2 or 1
  local lost = redis.call('HGET', KEYS[2], name) or redis.call('ZSCORE', KEYS[2 + kind], name)
  if not lost and floors[kind] and redis.call('EXISTS', KEYS[topic + 4]) == 0 then lost = floors[kind] end
  trimmed = math.max(trimmed, tonumber(lost or 0))
  heap[topic] = {hinted and tonumber(ARGV[topic * 2 + 7]) or from + 1, topic}
end
table.sort(heap, function(a, b) return a[1] < b[1] end)
local function settle(item)
  local at, size = 1, #heap
  while at * 2 <= size do
    local down = at * 2
    if down < size and heap[down + 1][1] < heap[down][1] then down = down + 1 end
    if heap[down][1] >= item[1] then break end
    heap[at] = heap[down]
    at = down
  end
  heap[at] = item
end
local function leave()
  local last = table.remove(heap)
  if #heap > 0 then settle(last) end
end
local most, enough = tonumber(ARGV[5]), tonumber(ARGV[6])
local found, bytes, read, pieces, steps = {}, 0, 0, {}, {}
while #heap > 0 and #found < most and read < enough * 2 do
  local first = heap[1]
  local topic = first[2]
  local piece = pieces[topic]
  if not piece then
    local step = steps[topic] or 1
    local some = redis.call('XRANGE', KEYS[topic + 4], text(first[1]), '+', 'COUNT', step)
    local weight = 0
    for _, entry in ipairs(some) do weight = weight + #entry[2][2] end
    read = read + weight + 64
    steps[topic] = weight < 16384 and math.min(step * 2, 64) or 1
    if #some == 0 then
      leave()
    else
      pieces[topic] = {some, 1, #some < step}
      first[1] = tonumber(seqOf(some[1][1]))
      settle(first)
    end
  else
    local entry = piece[1][piece[2]]
    bytes = bytes + #entry[2][2]
    if #found > 0 and bytes > enough then break end
    found[#found + 1] = {entry[1], ARGV[topic * 2 + 6], entry[2][2]}
    piece[2] = piece[2] + 1
    local following = piece[1][piece[2]]
    if following then
      first[1] = tonumber(seqOf(following[1]))
      settle(first)
    elseif piece[3] then
      leave()
    else
      pieces[topic] = nil
      first[1] = first[1] + 1
      settle(first)
    end
  end
end
local following = {}
if #heap > 0 then
  for topic = 1, #KEYS - 4 do following[topic] = text(tonumber(top) + 1) end
  for _, item in ipairs(heap) do following[item[2]] = text(item[1]) end
end
return {epoch, top, keys, text(trimmed), found, following}`,

  /** KEYS: the channel. ARGV: epoch, key, notice, `sharded` where channels may have slots. */
  pass: `${tell}
tell(ARGV[4], KEYS[1], ARGV[3])
return ''`,

  /** KEYS: log, newest public and private, channels. ARGV: epoch, key, and for each channel its name, and `shared` if several topics have it. The newest number in each, or 0. */
  newest: `${head}
local numbers = {}
for at = 3, #ARGV, 2 do
  local name = ARGV[at]
  local number
  if ARGV[at + 1] == 'shared' then
    number = redis.call('ZSCORE', KEYS[4], name)
  elseif string.sub(name, 1, 3) == 'rt.' then
    number = redis.call('ZSCORE', KEYS[3], name)
  else
    number = redis.call('HGET', KEYS[2], name)
  end
  numbers[#numbers + 1] = number or '0'
end
return {epoch, top, keys, numbers}`,

  /**
   * KEYS: log, topic, trimmed, dropped, whole. ARGV: epoch, key, topic, number before which to begin or nothing, how many, bytes that are enough,
   * the earliest time in ms, kind.
   * What a topic keeps, the newest first; whether there are older ones; and up to which number it had to let them go.
   */
  back: `${head}
local limit, enough, since = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local from = ARGV[4] ~= '' and text(tonumber(ARGV[4]) - 1) or '+'
local found, bytes, more, begins = {}, 0, '', '1'
while from ~= '-1' do
  local some = redis.call('XREVRANGE', KEYS[2], from, '-', 'COUNT', 16)
  for _, entry in ipairs(some) do
    local block, time = entry[2][2], tonumber(entry[2][4] or 0)
    if time < since then begins = '' break end
    bytes = bytes + #block
    if #found == limit or #found > 0 and bytes > enough then more, begins = '1', '' break end
    found[#found + 1] = {entry[1], ARGV[3], block}
  end
  if begins == '' or #some < 16 then break end
  from = text(tonumber(seqOf(some[#some][1])) - 1)
end
local lost = redis.call('HGET', KEYS[3], ARGV[3]) or redis.call('ZSCORE', KEYS[4], ARGV[3])
if not lost and redis.call('EXISTS', KEYS[2]) == 0 then lost = redis.call('HGET', log, 'floor:' .. ARGV[8]) end
local whole = lost and redis.call('HGET', KEYS[5], ARGV[3])
if whole and tonumber(lost) <= tonumber(string.match(whole, '/(.*)')) then lost = false end
return {epoch, top, keys, found, more, begins ~= '' and lost and '1' or ''}`,

  /**
   * KEYS: log, recent, newest private, dropped private. ARGV: epoch, key, number after which to go on, what the keys of topics begin with, what the
   * names of the topics begin with that are meant, how many topics are too many to name.
   * What was appended since to these, some at a time, and up to which number that goes; the block of an entry that is gone already is empty. If not all
   * of them can be named any more: the topics that have newer ones, all at once. Nothing if it cannot be told.
   */
  since: `${head}
local seq, whose = tonumber(ARGV[3]), ARGV[5]
local found, moved, bytes, upTo = {}, {}, 0, tonumber(top)
local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
local isThere = oldest and tonumber(seqOf(oldest[1])) <= seq
local some = redis.call('XRANGE', KEYS[2], text(seq + 1), '+', 'COUNT', 1000)
if #some == 1000 then upTo = tonumber(seqOf(some[1000][1])) end
for _, recent in ipairs(some) do
  local topic = recent[2][2]
  if string.sub(topic, 1, #whose) == whose then
    isThere = isThere or tonumber(recent[2][4]) <= seq
    if not isThere then break end
    local entry = redis.call('XRANGE', ARGV[4] .. topic, recent[1], recent[1])[1]
    local block = entry and entry[2][2] or ''
    found[#found + 1] = {recent[1], topic, block}
    bytes = bytes + #block
    if bytes > 1048576 then
      upTo = tonumber(seqOf(recent[1]))
      break
    end
  end
end
if not isThere then
  upTo = tonumber(top)
  for set = 3, 4 do
    local some = redis.call('ZRANGEBYSCORE', KEYS[set], text(seq + 1), '+inf', 'LIMIT', 0, ARGV[6])
    if #some >= tonumber(ARGV[6]) then return {epoch, top, keys} end
    for _, topic in ipairs(some) do
      if string.sub(topic, 1, #whose) == whose then moved[#moved + 1] = topic end
    end
  end
end
return {epoch, top, keys, found, moved, text(upTo)}`,

  /**
   * KEYS: log, topic, trimmed, dropped, newest, due, whole. ARGV: epoch, key, topic, how many dropped ones are remembered, kind, and `due` if
   * it is to be dropped for its age alone: somebody may have published in it since it was found.
   */
  drop: `${head}
if ARGV[6] == 'due' then
  local due = redis.call('ZSCORE', KEYS[6], ARGV[3])
  if not due or tonumber(due) > now() then return '' end
end
redis.call('ZREM', KEYS[6], ARGV[3])
local isPublic = ARGV[5] == 'public'
local seq = redis.call(isPublic and 'HGET' or 'ZSCORE', KEYS[5], ARGV[3])
if not seq then return '' end
redis.call('DEL', KEYS[2])
redis.call('HDEL', KEYS[3], ARGV[3])
redis.call('HDEL', KEYS[7], ARGV[3])
redis.call(isPublic and 'HDEL' or 'ZREM', KEYS[5], ARGV[3])
redis.call('ZADD', KEYS[4], seq, ARGV[3])
local over = redis.call('ZCARD', KEYS[4]) - tonumber(ARGV[4])
if over > 0 then
  local last = redis.call('ZRANGE', KEYS[4], over - 1, over - 1, 'WITHSCORES')
  local floor = redis.call('HGET', log, 'floor:' .. ARGV[5])
  redis.call('HSET', log, 'floor:' .. ARGV[5], text(math.max(tonumber(floor or 0), tonumber(last[2]))))
  redis.call('ZREMRANGEBYRANK', KEYS[4], 0, over - 1)
end
return ''`,

  /** KEYS: the text's. ARGV: epoch, key. */
  get: `return redis.call('GET', KEYS[1])`,

  /** KEYS: the text's. ARGV: epoch, key, the text, ms, `over` if one is expected to be there, and which. What is there then. */
  compareAndSet: `
local there = redis.call('GET', KEYS[1])
if there ~= (ARGV[5] == 'over' and ARGV[6]) then return there end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return ARGV[3]`,

  /** KEYS: log, due. ARGV: epoch, key. Topics whose time has come, some at a time. */
  sweep: `${head}
return redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', text(now()), 'LIMIT', 0, 100)`,
} as const
