-- Functions of one prototype; each sends itself.
-- SPDX-License-Identifier: MIT
local M = {}
for _, name in ipairs { "a", "b", "c" } do
  local function itself(out) out:send(itself) end
  M[name] = itself
end
return M
