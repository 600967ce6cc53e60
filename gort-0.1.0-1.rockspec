-- The module for a stock lua5.4. `luarocks make` builds it from this tree;
-- `make install` installs the program and the libraries.
rockspec_format = "3.0"
package = "gort"
version = "0.1.0-1"
source = {
  url = ".",
}
description = {
  summary = "Go's concurrency for Lua 5.4",
  detailed = "Tasks that run in parallel on every core, channels, select, "
    .. "contexts and timers, on libuv.",
  license = "MIT",
}
supported_platforms = { "linux" }
dependencies = { "lua ~> 5.4" }
external_dependencies = { LIBUV = { header = "uv.h" } }
build = {
  type = "make",
  build_target = "module",
  install_target = "install-module",
  build_variables = {
    CFLAGS = "$(CFLAGS)",
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
  },
  install_variables = { CMODDIR = "$(LIBDIR)" },
}
