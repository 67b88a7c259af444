-- For Dovecot's push_notification driver "lua": tells Idlebell of each delivery. See docs/how-to/dovecot-push.md.
--
-- Only deliveries are told of: there is no function here for messages that a client appends or copies, so Dovecot makes no
-- event of them. What cannot be handed over is logged, and the mail is delivered all the same.

-- Where the settings of Dovecot do not say: plugin { idlebell_url, idlebell_source, idlebell_key_file }.
local URL = "http://127.0.0.1:8025/v1/ingest/dovecot"
local SOURCE = "main" -- its name in [[ingest]]
local KEY_FILE = "/etc/dovecot/idlebell.key" -- readable by the user that delivers

local TIMEOUT_MS = 2000 -- the delivery waits so long for an answer
local ATTEMPTS = 2

local client

local function quoted(text)
  local escaped = text:gsub('[%c"\\\127]', function(c)
    return string.format("\\u%04x", c:byte())
  end)
  return '"' .. escaped .. '"'
end

local function list(values)
  local found = {}
  for _, value in ipairs(values or {}) do
    found[#found + 1] = quoted(value)
  end
  return "[" .. table.concat(found, ",") .. "]"
end

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(text)
  local found = {}
  for at = 1, #text, 3 do
    local a, b, c = text:byte(at, at + 2)
    local number = a * 65536 + (b or 0) * 256 + (c or 0)
    for place = 0, 3 do
      local digit = (number >> (18 - 6 * place)) & 63
      found[#found + 1] = (place == 2 and not b or place == 3 and not c) and "=" or ALPHABET:sub(digit + 1, digit + 1)
    end
  end
  return table.concat(found)
end

local function key(path)
  local file = assert(io.open(path, "r"))
  local line = file:read("l")
  file:close()
  return (line:gsub("%s+$", ""))
end

local function part(members, name, value)
  if value ~= nil and value ~= "" then
    members[#members + 1] = quoted(name) .. ":" .. quoted(value)
  end
end

local function setting(user, name, otherwise)
  local known, value = pcall(function()
    return user:plugin_getenv(name) -- Dovecot 2.4 has none
  end)
  return known and value or otherwise
end

function dovecot_lua_notify_begin_txn(user)
  return {
    user = user.username,
    url = setting(user, "idlebell_url", URL),
    source = setting(user, "idlebell_source", SOURCE),
    key_file = setting(user, "idlebell_key_file", KEY_FILE),
    events = {},
  }
end

function dovecot_lua_notify_event_message_new(context, event)
  context.events[#context.events + 1] = event
end

local function tell(context, event)
  local members = {
    '"event":"messageNew"',
    '"imap-uidvalidity":' .. string.format("%d", event.uid_validity),
    '"imap-uid":' .. string.format("%d", event.uid),
    '"flags":' .. list(event.flags),
    '"keywords":' .. list(event.keywords),
  }
  part(members, "user", context.user)
  part(members, "folder", event.mailbox)
  part(members, "from", event.from)
  part(members, "to", event.to)
  part(members, "subject", event.subject)
  part(members, "message-id", event.message_id)
  part(members, "snippet", event.snippet)
  client = client or dovecot.http.client({ request_timeout_msecs = TIMEOUT_MS, max_attempts = ATTEMPTS })
  local request = client:request({ url = context.url, method = "PUT" })
  request:add_header("Content-Type", "application/json; charset=utf-8")
  request:add_header("Authorization", "Basic " .. base64(context.source .. ":" .. key(context.key_file)))
  request:set_payload("{" .. table.concat(members, ",") .. "}")
  local response = request:submit()
  if response:status() ~= 204 then
    dovecot.i_error("idlebell: a delivery was not taken: " .. response:status() .. " " .. response:reason())
  end
end

function dovecot_lua_notify_end_txn(context, success)
  for _, event in ipairs(context.events) do
    local done, fault = pcall(tell, context, event)
    if not done then
      dovecot.i_error("idlebell: a delivery could not be told: " .. tostring(fault))
    end
  end
end
