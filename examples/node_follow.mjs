// Follows a task with nothing but fetch: `node node_follow.mjs TASK_ID [URL]`.
// Prints a line of JSON for each event; exits with 0 when the task completed, else with 1.

const [taskId, base = process.env.TASK_TRACKER_URL ?? "http://127.0.0.1:3002"] = process.argv.slice(2);
if (!taskId) {
  console.error("usage: node node_follow.mjs TASK_ID [URL]");
  process.exit(2);
}
const track = `${base}/api/v1/tasks/${encodeURIComponent(taskId)}/track?heartbeatSeconds=5`;
const SILENCE_MS = 15_000; // three heartbeats missed: the connection is dead, whatever TCP says

/** The events of one connection; ends where it does. */
async function* eventsOf(body, heard) {
  let rest = "";
  let event = {};
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    heard();
    const lines = (rest + chunk).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const [, name, value] = /^([^:]*)(?:: ?(.*))?$/.exec(line);
      if (line === "") {
        if (event.data) yield event;
        event = { id: event.id };
      } else if (name) {
        event[name] = value ?? "";
      }
    }
  }
}

/** Every event of the task, once and in order; reconnects where a connection ends before the task. */
async function* follow() {
  let lastId;
  for (let failures = 0; ; failures++) {
    if (failures) await new Promise((wake) => setTimeout(wake, Math.min(5_000, 100 * 2 ** failures)));
    const gone = new AbortController();
    const timer = setTimeout(() => gone.abort(), SILENCE_MS);
    try {
      const headers = lastId ? { "Last-Event-ID": lastId } : {};
      const answer = await fetch(track, { headers, signal: gone.signal });
      if (answer.status === 204) return; // told to the end before
      if (answer.status >= 400 && answer.status < 500) throw new Refused(await answer.text());
      if (!answer.ok) continue;
      for await (const { id, data } of eventsOf(answer.body, () => timer.refresh())) {
        lastId = id ?? lastId;
        failures = 0;
        const event = JSON.parse(data);
        yield event;
        if (event.event === "status_change") return;
      }
    } catch (error) {
      if (error instanceof Refused) throw error;
    } finally {
      clearTimeout(timer);
      gone.abort();
    }
  }
}

class Refused extends Error {}

for await (const { event, data } of follow()) {
  console.log(JSON.stringify({ event, ...data }));
  if (event === "status_change") process.exitCode = data.status === "completed" ? 0 : 1;
}
