-- The completion of gort's command line in bash.
-- SPDX-License-Identifier: MIT

local run = require "spec.support.run"

local script = run.shell("pwd").out:match "[^\n]*"
  .. "/bindings/cli/completions/gort.bash"

-- What bash offers for the last of the words, sorted.
local function offered(dir, ...)
  local words = {}
  for i, word in ipairs { "gort", ... } do words[i] = run.quote(word) end
  local r = run.shell(string.format(
    "cd %s; exec bash -c %s", dir, run.quote(string.format(
      ". %s; COMP_WORDS=(%s); COMP_CWORD=%d; _gort; "
      .. "printf '%%s\\n' \"${COMPREPLY[@]}\" | sort", script,
      table.concat(words, " "), #words - 1))))
  assert.equal("", r.err)
  return (r.out:gsub("\n", " "):gsub(" $", ""))
end

describe("bash completes", function()
  local dir

  setup(function()
    dir = run.directory()
    for _, name in ipairs { "script.lua", "scar.txt", "other.lua" } do
      run.write(dir .. "/" .. name, "")
    end
  end)

  teardown(function() run.remove(dir) end)

  it("options", function()
    assert.equal("--procs", offered(dir, "--p"))
    assert.equal("-- --debug=contexts --help --leaks --procs --version",
      offered(dir, "--"))
    assert.matches("%-W", offered(dir, "-e", "x = 1", "-"))
  end)

  it("the script, and its arguments", function()
    assert.equal("script.lua", offered(dir, "s"))
    assert.equal("script.lua", offered(dir, "-i", "--procs", "2", "sc"))
    assert.equal("scar.txt script.lua", offered(dir, "other.lua", "sc"))
    assert.equal("scar.txt script.lua", offered(dir, "other.lua", "-x", "sc"))
  end)

  it("nothing where text or a module is wanted", function()
    assert.equal("", offered(dir, "-e", ""))
    assert.equal("", offered(dir, "-l", "s"))
    assert.matches("1", offered(dir, "--procs", ""))
  end)
end)
