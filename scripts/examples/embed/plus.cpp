/* plus.cpp - a C++ program that includes the headers.
 *
 * SPDX-License-Identifier: MIT
 *
 * Counts words in Lua tasks; the channels and the runtime are held by objects
 * that give them back. */
#include <lgort.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

void check(int code) {
  if (code < 0) throw std::runtime_error(gort_strerror(code));
}

struct close_runtime {
  void operator()(lgort *g) const { lgort_close(g, GORT_FOREVER); }
};
using runtime = std::unique_ptr<lgort, close_runtime>;

runtime make_runtime() {
  lgort *g = nullptr;
  check(lgort_new(nullptr, &g));
  return runtime(g);
}

class channel {
public:
  channel(lgort *g, size_t cap) : rt(lgort_runtime(g)) {
    check(gort_chan_open(rt, cap, &c));
  }
  channel(const channel &) = delete;
  channel &operator=(const channel &) = delete;
  ~channel() { gort_chan_leave(rt, c); }

  void send(const std::string &text) {
    gort_value v;
    check(gort_string(text.data(), text.size(), &v));
    int code = gort_chan_send(c, &v, nullptr);
    if (code < 0) gort_value_drop(&v);
    check(code);
  }
  bool recv(int64_t &n) {
    gort_value v;
    int code = gort_chan_recv(c, &v, nullptr);
    check(code);
    n = code && v.type == GORT_INTEGER ? v.u.i : 0;
    gort_value_drop(&v);
    return code != 0;
  }
  void close() { check(gort_chan_close(c)); }
  gort_value handle() { return gort_handle(c); }

private:
  gort *rt;
  gort_chan *c;
};

const char count_words[] = R"(
local lines, counts = ...
for line in lines do
  local n = 0
  for _ in line:gmatch "%a+" do n = n + 1 end
  counts:send(n)
end
counts:close()
)";

} // namespace

int main() try {
  runtime g = make_runtime();
  channel lines(g.get(), 8), counts(g.get(), 8);
  gort_value args[] = {lines.handle(), counts.handle()};
  lgort_with with = {};
  with.args = args;
  with.nargs = 2;
  check(lgort_go_string(g.get(), count_words, &with));
  lines.send("one two three");
  lines.send("");
  lines.send("four five");
  lines.close();
  int64_t n, total = 0;
  while (counts.recv(n)) total += n;
  std::printf("%lld words\n", static_cast<long long>(total));
  return 0;
} catch (const std::exception &e) {
  std::fprintf(stderr, "plus: %s\n", e.what());
  return 1;
}
