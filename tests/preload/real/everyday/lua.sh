#!/bin/bash
#: needs lua5.4
#: package lua5.4
#: version lua5.4 -v
#: process lua5.4
lua5.4 - <<'END'
local t = {}; for i = 1, 50000 do t[#t + 1] = ("row %d"):format(i * 7919 % 50021) end; table.sort(t); print(#t, t[1], t[25000])
local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end); print(co(), co(), co())
local s = table.concat(t, ","):gsub("%d%d7", "-"); print(#s, collectgarbage("count") > 100); t = nil; collectgarbage()
print(pcall(error, { code = 1 }) == false, select("#", string.byte(("x"):rep(200), 1, -1)), io.popen("echo child"):read("a"))
local weak = setmetatable({}, { __mode = "k" }); for i = 1, 1000 do weak[{}] = i end; collectgarbage(); print(next(weak)); os.exit(3, true)
END
