"""A worker for the two web applications: an entry every tenth of a second."""

import asyncio
from typing import Any

from tasktracker_client import AsyncJob, WorkerPool

pool = WorkerPool(pool="tasks", concurrency=100)


@pool.task("example.web")
async def work(job: AsyncJob[dict[str, Any]]) -> dict[str, int]:
    for percent in range(2, 101, 2):
        await asyncio.sleep(0.1)
        await job.progress(percent=percent)
    return {"entries": 50}


if __name__ == "__main__":
    pool.run()
