-- nbody.lua - floats and fields: four planets and their sun, n steps.
-- SPDX-License-Identifier: MIT

local n = math.tointeger(tonumber(arg[1] or 150000))

-- Units: AU, years, masses of the sun; speeds that suit circular orbits.
local bodies = {
  { x = 0, y = 0, z = 0, vx = 0, vy = 0, vz = 0, mass = 1 },
}
local G = 4 * math.pi ^ 2
for i, mass in ipairs { 9.5e-4, 2.9e-4, 4.4e-5, 5.2e-5 } do
  local r = 5 * i
  local v = math.sqrt(G / r)
  bodies[i + 1] = {
    x = r * math.cos(i), y = r * math.sin(i), z = 0.1 * i,
    vx = -v * math.sin(i), vy = v * math.cos(i), vz = 0, mass = mass,
  }
end

local function energy()
  local e = 0
  for i, a in ipairs(bodies) do
    e = e + a.mass * (a.vx ^ 2 + a.vy ^ 2 + a.vz ^ 2) / 2
    for j = i + 1, #bodies do
      local b = bodies[j]
      e = e - G * a.mass * b.mass
        / math.sqrt((a.x - b.x) ^ 2 + (a.y - b.y) ^ 2 + (a.z - b.z) ^ 2)
    end
  end
  return e
end

local function step(dt)
  local count = #bodies
  for i = 1, count do
    local a = bodies[i]
    local vx, vy, vz = a.vx, a.vy, a.vz
    for j = i + 1, count do
      local b = bodies[j]
      local dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
      local square = dx * dx + dy * dy + dz * dz
      local pull = G * dt / (square * math.sqrt(square))
      local of_a, of_b = a.mass * pull, b.mass * pull
      vx, vy, vz = vx - dx * of_b, vy - dy * of_b, vz - dz * of_b
      b.vx, b.vy, b.vz = b.vx + dx * of_a, b.vy + dy * of_a, b.vz + dz * of_a
    end
    a.vx, a.vy, a.vz = vx, vy, vz
    a.x, a.y, a.z = a.x + dt * vx, a.y + dt * vy, a.z + dt * vz
  end
end

local before = energy()
local start = os.clock()
for _ = 1, n do
  step(0.001)
end
print(string.format("nbody %.2f", (os.clock() - start) * 1e3))
assert(math.abs(energy() / before - 1) < 1e-2, "energy got lost")
