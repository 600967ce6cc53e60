-- collectgarbage: options, results, messages.
-- SPDX-License-Identifier: MIT
local print_result = function(...)
  print(select("#", ...), ...)
end
print_result(collectgarbage())
print_result(collectgarbage "collect")
print_result(collectgarbage(nil))
print(math.type(collectgarbage "count"), collectgarbage "count" > 1)
print_result(collectgarbage "isrunning")
print_result(collectgarbage "stop")
print_result(collectgarbage "isrunning")
print_result(collectgarbage "restart")
print_result(collectgarbage "isrunning")
print_result(collectgarbage("setpause", 150))
print_result(collectgarbage("setpause", 200))
print_result(collectgarbage("setstepmul", 200))
print_result(collectgarbage("setstepmul", 100))
print_result(collectgarbage "generational")
print_result(collectgarbage("incremental", 180, 120))
print_result(collectgarbage "incremental")
print_result(collectgarbage("step", 1e6 // 1 | 0))
print(pcall(collectgarbage, "colect"))
print(pcall(collectgarbage, 7))
print(pcall(collectgarbage, {}))
print(pcall(collectgarbage, "step", "x"))
print(pcall(collectgarbage, "step", 1.5))
print(select(2, pcall(function() collectgarbage "nothing" end)))

local weak = setmetatable({ {} }, { __mode = "v" })
collectgarbage()
print(#weak)

-- In a finalizer there is nothing to be had.
do
  local said
  setmetatable({}, { __gc = function()
    said = table.pack(collectgarbage(), collectgarbage "count")
  end })
  collectgarbage()
  print(said.n, said[1], said[2])
end
