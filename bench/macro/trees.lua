-- Binary trees, string building, tables and closures: trees.lua COUNT
local count = tonumber(arg[1])

local function grow(depth)
  if depth == 0 then return {} end
  return {grow(depth - 1), grow(depth - 1)}
end

local function size(tree)
  return tree[1] and 1 + size(tree[1]) + size(tree[2]) or 1
end

local long_lived, nodes, words, length = grow(14), 0, {}, 0
for i = 1, count do
  nodes = nodes + size(grow(i % 12 + 2))
  for j = 1, 500 do
    local word = string.format("%d-%s", j * i % 1009, string.rep("x", j % 30))
    words[word] = (words[word] or 0) + 1
    length = length + #word:gsub("x+", function(run) return #run end)
  end
end
local keys = {}
for word in pairs(words) do keys[#keys + 1] = word end
table.sort(keys)
print(nodes, size(long_lived), #keys, length, #table.concat(keys, ","))
