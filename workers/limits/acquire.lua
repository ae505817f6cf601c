-- One atomic grant against requests a minute, tokens a minute and calls at once.
--
-- KEYS: 1 buckets (hash), 2 slots held by each worker (hash), 3 when each worker's lease ends (sorted set)
-- ARGV: 1 worker, 2 slots it holds already, 3 wanted, 4 tokens each, 5 rpm, 6 tpm, 7 concurrency (0: no limit),
--       8 lease in ms, 9 seconds of burst, 10 wait in ms where slots lack
-- Returns: granted, ms until more may be had.
--
-- A worker states what it holds, it doesn't add to it: an emptied server knows all again after one round.
local worker, held, want, each = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local rpm, tpm, concurrency = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local lease, burst, slot_wait = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local granted, wait = want, 0

if concurrency > 0 then
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now)) do
    redis.call('ZREM', KEYS[3], gone)
    redis.call('HDEL', KEYS[2], gone)
  end
  local used = held
  local all = redis.call('HGETALL', KEYS[2])
  for i = 1, #all, 2 do
    if all[i] ~= worker then used = used + tonumber(all[i + 1]) end
  end
  local free = math.max(0, concurrency - used)
  if free < granted then granted, wait = free, slot_wait end
end

local function bucket(name, limit, size)
  local capacity = math.max(1, limit * burst / 60)
  local refill = math.max(limit - capacity, limit / 2) / 60000
  local stored = redis.call('HMGET', KEYS[1], name, name .. ':at')
  local level, at = tonumber(stored[1]) or capacity, tonumber(stored[2]) or now
  level = math.min(capacity, level + math.max(0, now - at) * refill)
  local room
  if size <= capacity then room = math.floor(level / size)
  elseif level >= capacity then room = 1
  else room = 0 end
  granted = math.min(granted, math.max(0, room))
  return {name = name, level = level, refill = refill, capacity = capacity, size = size}
end

local buckets, full = {}, 0
if rpm > 0 then buckets[#buckets + 1] = bucket('requests', rpm, 1) end
if tpm > 0 then buckets[#buckets + 1] = bucket('tokens', tpm, math.max(1, each)) end
for _, b in ipairs(buckets) do
  local level = b.level - granted * b.size
  -- as text: a number argument would lose its fraction
  redis.call('HSET', KEYS[1], b.name, string.format('%.6f', level), b.name .. ':at', string.format('%d', now))
  if granted < want then wait = math.max(wait, math.ceil((math.min(b.size, b.capacity) - level) / b.refill)) end
  full = math.max(full, math.ceil((b.capacity - level) / b.refill))
end
-- a bucket that is full again says nothing, and the key may go
if #buckets > 0 then redis.call('PEXPIRE', KEYS[1], string.format('%d', full + 1000)) end

if concurrency > 0 then
  local total = held + granted
  if total > 0 then
    redis.call('HSET', KEYS[2], worker, string.format('%d', total))
    redis.call('ZADD', KEYS[3], string.format('%d', now + lease), worker)
    redis.call('PEXPIRE', KEYS[2], lease * 2)
    redis.call('PEXPIRE', KEYS[3], lease * 2)
  else
    redis.call('HDEL', KEYS[2], worker)
    redis.call('ZREM', KEYS[3], worker)
  end
end
return {granted, wait}
