"""What Redis does with records, each script one step.

A record is a hash: `e` its epoch, `h` its head, 0, 1, 2 ... its finals. Head and finals are not looked into.
"""

from __future__ import annotations

from typing import Final

# KEYS: records. ARGV: for how many ms they are kept, then of each one its epoch, its head, the number of its
# first final here, how many there are, and those. Answers as `Saved` has them.
SAVE: Final = """
local kept, answers, at = tonumber(ARGV[1]), {}, 2

local function save(key, epoch, head, first, finals)
    if tonumber(redis.call('HGET', key, 'e') or 0) > epoch then return -1 end
    if first == 0 then
        redis.call('DEL', key)
    elseif redis.call('HLEN', key) < first + 2 then
        return 0
    end
    redis.call('HSET', key, 'e', epoch, 'h', head)
    for number, final in ipairs(finals) do redis.call('HSET', key, first + number - 1, final) end
    redis.call('PEXPIRE', key, kept)
    return 1
end

for number, key in ipairs(KEYS) do
    local count, finals = tonumber(ARGV[at + 3]), {}
    for final = 1, count do finals[final] = ARGV[at + 3 + final] end
    answers[number] = save(key, tonumber(ARGV[at]), ARGV[at + 1], tonumber(ARGV[at + 2]), finals)
    at = at + 4 + count
end
return answers
"""

# KEYS: one record. ARGV: for how many ms it is kept, the epoch of who reads it. Answers nothing, or the head,
# how many finals there are, and those in one piece: thousands of answers would take too long to be read.
LOAD: Final = """
local epoch = redis.call('HGET', KEYS[1], 'e')
if not epoch or tonumber(epoch) > tonumber(ARGV[2]) then return {} end
redis.call('HSET', KEYS[1], 'e', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
local finals = {}
for number = 1, redis.call('HLEN', KEYS[1]) - 2 do
    finals[number] = redis.call('HGET', KEYS[1], number - 1) or ''
end
return {redis.call('HGET', KEYS[1], 'h') or '', #finals, table.concat(finals)}
"""

# KEYS: records. ARGV: for how many ms they are kept. Answers 1 for each that is there, else 0.
# SETRANGE changes nothing here. A Redis that is full takes PEXPIRE, but not this, nor what is saved.
# It has to be asked before the script writes; the answer may not keep that from being done.
TOUCH: Final = """
local answers, taken = {}, redis.pcall('SETRANGE', 'voxshard:record:', 0, '')
for number, key in ipairs(KEYS) do answers[number] = redis.call('PEXPIRE', key, ARGV[1]) end
return type(taken) == 'table' and taken or answers
"""
