-- pubsub.lua - publish and subscribe: a broker is a task.
-- SPDX-License-Identifier: MIT
--
-- The broker alone knows who has subscribed to what, so there is nothing to
-- lock: it takes requests from one channel. A subscriber gets a channel of its
-- own; one that is slow loses what its buffer has no room for, and keeps
-- nobody waiting.
--
--   gort pubsub.lua     news of the day, for three readers

local function broker()
  local requests = chan()
  go(function()
    local topics = {} -- topic to a list of channels
    for r in requests do
      local readers = topics[r.topic] or {}
      topics[r.topic] = readers
      if r.subscribe then
        readers[#readers + 1] = r.subscribe
        r.done:close()
      else
        for _, reader in ipairs(readers) do
          reader:try_send(r.message)
        end
      end
    end
    for _, readers in pairs(topics) do -- the last edition is out
      for _, reader in ipairs(readers) do
        reader:close()
      end
    end
  end)

  local function subscribe(topic, buffer)
    local ch, done = chan(buffer), chan()
    requests:send { topic = topic, subscribe = ch, done = done }
    done:recv()
    return ch:receiver()
  end
  local function publish(topic, message)
    requests:send { topic = topic, message = message }
  end
  local function close()
    requests:close()
  end
  return subscribe, publish, close
end

local subscribe, publish, close = broker()
local readers = gort.sync.waitgroup()
local log = chan(100)

for name, topic in pairs { ann = "sports", bob = "weather", eve = "sports" } do
  local news = subscribe(topic, 10)
  readers:go(function()
    for message in news do
      log:send(("%s reads: %s"):format(name, message))
    end
  end)
end

publish("sports", "the home team wins")
publish("weather", "rain")
publish("politics", "nobody listens")
publish("weather", "more rain")
close()

readers:wait()
log:close()
local lines = {}
for line in log do
  lines[#lines + 1] = line
end
table.sort(lines)
print(table.concat(lines, "\n"))
