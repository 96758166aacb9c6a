"""What Redis does with the use of a gateway, in Lua: one step that nothing comes between. Pure.

KEYS are two for each tenant. Streams: a hash of `COUNT UNTIL` for each gateway, which counts until that time
in ms. Audio: a hash of the seconds that were left, `l`, at the time in ms, `t`. The clock is that of Redis,
since those of the hosts differ.

ARGV: owner, expiry in ms, then for each tenant its streams, inside, wanted, audio a minute, left, heard; the
empty text for what there is not. Answers for each tenant {granted, elsewhere, left}; left is a text, since
Redis would cut a number to an integer.
"""

from __future__ import annotations

from typing import Final

EXCHANGE: Final = """
local owner, expiry = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function elsewhere(key)
    local streams, counts = 0, redis.call('HGETALL', key)
    for i = 1, #counts, 2 do
        local count, held_until = counts[i + 1]:match('^(%d+) (%d+)$')
        if tonumber(held_until) <= now then
            redis.call('HDEL', key, counts[i])
        elseif counts[i] ~= owner then
            streams = streams + tonumber(count)
        end
    end
    return streams
end

local function streams(key, quota, inside, wanted)
    local others = elsewhere(key)
    local granted = math.max(0, math.min(wanted, quota - others - inside))
    if inside + granted == 0 then
        redis.call('HDEL', key, owner)
    else
        redis.call('HSET', key, owner, string.format('%d %.0f', inside + granted, now + expiry))
        redis.call('PEXPIRE', key, expiry)
    end
    return granted, others
end

local function audio(key, quota, left, heard)
    local record = redis.call('HMGET', key, 'l', 't')
    if record[1] then
        local passed = math.max(0, now - tonumber(record[2]))
        local level = math.min(quota, tonumber(record[1]) + passed * quota / 60000)
        left = heard and level - heard or math.min(level, left)
    end
    redis.call('HSET', key, 'l', string.format('%.6f', left), 't', string.format('%.0f', now))
    redis.call('PEXPIRE', key, expiry + math.ceil((quota - left) * 60000 / quota))
    return string.format('%.6f', left)
end

local answers = {}
for tenant = 1, #KEYS / 2 do
    local args = {unpack(ARGV, 6 * tenant - 3, 6 * tenant + 2)}
    for number, arg in ipairs(args) do args[number] = tonumber(arg) or false end
    local quota, inside, wanted, per_minute, left, heard = unpack(args)
    local granted, others, audio_left = wanted, 0, '0'
    if quota then granted, others = streams(KEYS[2 * tenant - 1], quota, inside, wanted) end
    if per_minute then audio_left = audio(KEYS[2 * tenant], per_minute, left, heard) end
    answers[tenant] = {granted, others, audio_left}
end
return answers
"""
