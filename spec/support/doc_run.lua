-- doc_run: runs the plain examples of a page, one after the other.
-- SPDX-License-Identifier: MIT
--
--   gort spec/support/doc_run.lua bindings/doc/time.md
--
-- Before each it writes a line with "\1" and the example's line in the page;
-- behind it another with "\2" and the error, or nothing.

local doc = require "spec.support.doc"

-- The globals that an example has made are not there for the next one.
local function clean(before)
  for name in pairs(_G) do
    if before[name] == nil then _G[name] = nil end
  end
end

local before = {}
for name, value in pairs(_G) do before[name] = value end

for _, example in ipairs(doc.page((...)).examples) do
  if example.kind == "plain" then
    print("\1" .. example.line)
    local fn, err = load(example.code, "@example.lua")
    local ok = fn ~= nil
    if ok then ok, err = pcall(fn) end
    print("\2" .. (ok and "" or tostring(err)))
    clean(before)
    collectgarbage()
  end
end
