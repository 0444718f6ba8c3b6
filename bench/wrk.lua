-- Headers come as arguments after "--": [NAME VALUE]...
-- At the end one line that a program can read, with the figures before wrk rounds them.

function init(args)
  for at = 1, #args - 1, 2 do
    wrk.headers[args[at]] = args[at + 1]
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'FIGURES {"requests": %d, "bytes": %d, "microseconds": %d, "p99": %d, ' ..
    '"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}\n',
    summary.requests, summary.bytes, summary.duration, latency:percentile(99.0),
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
