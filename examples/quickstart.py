"""A task, a worker and a live progress bar, in one file.

``pip install tasktracker-client 'tasktracker-server[embedded]'``, then ``tasktracker-server dev`` in one
terminal and ``python quickstart.py`` in another.
"""

import time
from threading import Thread

from tasktracker_client import Progress, StatusChange, TaskTracker


def work() -> None:
    with TaskTracker() as own, own.worker("quickstart", latest_seconds=0.1, until_empty=True) as worker:
        for job in worker:
            with job:
                for _ in job.steps(range(50)):
                    time.sleep(0.1)


with TaskTracker() as client:
    task = client.register("quickstart")
    Thread(target=work).start()
    for event in client.track(task):
        match event:
            case Progress(data={"percent": float(percent)}):
                print(f"\r{'█' * int(percent / 2):50} {percent:5.1f} %", end="", flush=True)
            case StatusChange(status=status):
                print(f"  {status}")
