-- SPDX-License-Identifier: MIT
std = "lua54"
max_line_length = 80

-- What gort adds to a script's globals (its `select` has the standard name).
read_globals = { "go", "chan", "gort" }

files["spec"] = { std = "lua54+busted" }
-- Programs that do odd things on purpose.
files["spec/lua"] = { only = { "0", "63" } }
-- Annotations: functions without bodies.
files["bindings/doc/luals"] = { only = { "0", "63" } }
