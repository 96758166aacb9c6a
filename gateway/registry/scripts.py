"""The rules of `memory.py` in Lua, for Redis, which runs a script as one step that nothing comes between.

KEYS are the pins. A pin is a hash: epoch `e`, owner `o`, `u`, the time in ms until which it is held (0:
released), `t`, the epoch of who has taken it over last, and `n`, whose tenant's it is, if that was told. The
clock is that of Redis, since those of the hosts differ. All answer one epoch for each key, 0 for none.
"""

from __future__ import annotations

from typing import Final

# ARGV: owner, expiry in ms, how long records are kept in ms, then one epoch for each key; for a claim then
# for each key whether it takes over, 1 or 0, and then for each key the tenant.
_COMMON: Final = """
local owner, expiry, kept = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function read(key)
    local record = redis.call('HMGET', key, 'e', 'o', 'u', 't', 'n')
    if not record[1] then return nil end
    return {
        epoch = tonumber(record[1]),
        owner = record[2],
        held_until = tonumber(record[3]),
        taken_over = tonumber(record[4] or 0),
        tenant = record[5],
    }
end

local function write(key, epoch, held_until)
    local whole = '%.0f'
    redis.call('HSET', key, 'e', whole:format(epoch), 'o', owner, 'u', whole:format(held_until))
    redis.call('PEXPIRE', key, kept)
    return epoch
end

local function grant(key, epoch)
    return write(key, epoch, now + expiry)
end
"""

_EACH: Final = """
local answers = {}
for number, key in ipairs(KEYS) do
    local takes_over, tenant = ARGV[#KEYS + number + 3] == '1', ARGV[2 * #KEYS + number + 3]
    answers[number] = answer(key, tonumber(ARGV[number + 3]), takes_over, tenant)
end
return answers
"""

CLAIM: Final = f"""{_COMMON}
local function answer(key, epoch, takes_over, tenant)
    local record = read(key)
    if record then
        local foreign = record.held_until > now and record.owner ~= owner
        local own = not record.tenant or record.tenant == tenant
        if foreign and not (takes_over and own) then return 0 end
        epoch = math.max(epoch, record.epoch)
    end
    redis.call('HSET', key, 'n', tenant)
    if takes_over then redis.call('HSET', key, 't', epoch + 1) end
    return grant(key, epoch + 1)
end
{_EACH}"""

RENEW: Final = f"""{_COMMON}
local function renew(key, record, epoch)
    if record.owner ~= owner or record.held_until <= now then redis.call('HDEL', key, 'n') end
    return grant(key, epoch)
end

local function answer(key, epoch)
    local record = read(key)
    if not record then return grant(key, epoch) end
    if record.owner == owner then
        if record.held_until == 0 and record.epoch >= epoch then return epoch end
        return renew(key, record, math.max(record.epoch, epoch))
    end
    if epoch < record.taken_over then return 0 end
    if record.held_until <= now then return renew(key, record, math.max(record.epoch + 1, epoch)) end
    local greater = epoch > record.epoch or (epoch == record.epoch and owner > record.owner)
    return greater and renew(key, record, epoch) or 0
end
{_EACH}"""

RELEASE: Final = f"""{_COMMON}
local function answer(key, epoch)
    local record = read(key)
    if record and record.owner == owner and record.epoch == epoch then return write(key, epoch, 0) end
    return 0
end
{_EACH}"""
