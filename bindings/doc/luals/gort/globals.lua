---@meta _

-- The globals of scripts that gort runs. SPDX-License-Identifier: MIT

gort = require "gort"
go = gort.go
chan = gort.chan

---Waits until one of the cases can go on, and does it: what its function
---returns, or else its number and what was received.
---@param cases gort.Cases
---@return any ...
function select(cases) end
