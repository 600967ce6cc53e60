-- fn: a module that is a function.
-- SPDX-License-Identifier: MIT

local calls = 0

return function(s)
  calls = calls + 1
  return "fn of " .. s
end
