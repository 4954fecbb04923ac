#!/bin/sh
# The life of a task with nothing but curl, against a running service (`tasktracker-server dev`).
set -eu
api=${TASK_TRACKER_URL:-http://127.0.0.1:3002}/api/v1/tasks
call() { curl --silent --show-error --fail-with-body --write-out '\n' "$@"; }

# Somebody registers it; the id is the caller's own, so that repeating the call is safe.
id=curl-$(date +%s)-$$
call "$api" -d '{"taskId":"'"$id"'","taskType":"curl.example","params":{"src":"a.mov"}}'

# A worker waits for the next task of its type, and gets an attempt with it.
call "$api/claim" -d '{"taskTypes":["curl.example"],"workerId":"me","waitSeconds":30,"leaseSeconds":60}'

# Somebody follows, from the first entry to the end.
curl --silent --no-buffer "$api/$id/track" &

# The worker reports and ends it.
hold='"workerId":"me","attempt":1'
call "$api/$id/progress" -d '{'"$hold"',"progress":[{"percent":40},{"percent":80}]}'
call "$api/$id/heartbeat" -d '{'"$hold"'}'
call "$api/$id/complete" -d '{'"$hold"',"progress":{"percent":100},"result":{"url":"a.mp4"}}'
wait

# Whoever comes late reads the same; from entry 2 on, say.
call "$api/$id/progress?afterSeqId=2"
