"""A trace goes on from who registered a task to who does it."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from services import Service
from tasktracker_client import AsyncTaskTracker, NewTask, TaskTracker

PROVIDER = TracerProvider()
EXPORTER = InMemorySpanExporter()
tracer = PROVIDER.get_tracer("tests")


@pytest.fixture(scope="module", autouse=True)
def provider() -> None:
    PROVIDER.add_span_processor(SimpleSpanProcessor(EXPORTER))
    trace.set_tracer_provider(PROVIDER)


@pytest.fixture(autouse=True)
def nothing_yet() -> Iterator[None]:
    EXPORTER.clear()
    yield
    EXPORTER.clear()


def span(name: str) -> ReadableSpan:
    [found] = [each for each in EXPORTER.get_finished_spans() if each.name == name]
    return found


def test_spans_of_a_job_belong_to_the_trace_that_registered_it(client: TaskTracker, task_type: str) -> None:
    with tracer.start_as_current_span("request") as request:
        task = client.register(task_type, metadata={"user": "ada"})
    with client.worker(task_type, until_empty=True) as worker:
        for job in worker:
            with job, tracer.start_as_current_span("step"):
                assert job.metadata["user"] == "ada"
    assert not trace.get_current_span().get_span_context().is_valid

    process, step = span(f"process {task_type}"), span("step")
    assert process.context is not None
    assert process.context.trace_id == request.get_span_context().trace_id
    assert process.parent is not None
    assert process.parent.span_id == request.get_span_context().span_id
    assert process.kind is SpanKind.CONSUMER
    assert dict(process.attributes or {}) == {"tasktracker.task_id": task.task_id, "tasktracker.attempt": 1}
    assert step.parent is not None
    assert step.parent.span_id == process.context.span_id


def test_a_failed_job_is_a_failed_span(client: TaskTracker, task_type: str) -> None:
    with tracer.start_as_current_span("request"):
        client.register_many([NewTask(task_type=task_type)])
    with client.worker(task_type, until_empty=True) as worker:
        for job in worker:
            with job:
                raise ValueError("broken")

    assert span(f"process {task_type}").status.status_code is StatusCode.ERROR
    assert span(f"process {task_type}").events[0].name == "exception"


class Broken(Exception):
    """What a tracer can't write down."""

    def __str__(self) -> str:
        raise ValueError("no words")


def test_what_fails_in_tracing_is_no_jobs_failure(
    client: TaskTracker, task_type: str, caplog: pytest.LogCaptureFixture
) -> None:
    odd, fine = (client.register(task_type, {"odd": odd}) for odd in (True, False))
    with client.worker(task_type, until_empty=True) as worker:
        for job in worker:
            with job:
                if job.params["odd"]:
                    raise Broken

    assert not trace.get_current_span().get_span_context().is_valid
    assert client.get(odd).error["type"].endswith("Broken")
    assert client.get(fine).status == "completed"
    assert any("span of a job" in record.message for record in caplog.records)


def test_in_asyncio_too(service: Service, task_type: str) -> None:
    async def work() -> None:
        async with AsyncTaskTracker(service.url) as tracker:
            with tracer.start_as_current_span("request"):
                await tracker.register(task_type)
            async with tracker.worker(task_type, until_empty=True) as worker:
                async for job in worker:
                    async with job:
                        with tracer.start_as_current_span("step"):
                            await asyncio.sleep(0)

    asyncio.run(work())
    ours = {each.context.trace_id for each in EXPORTER.get_finished_spans() if each.context is not None}
    assert len(ours) == 1
    assert len(EXPORTER.get_finished_spans()) == 3


def test_the_callers_own_context_and_repeats_stay_as_they_are(client: TaskTracker, task_type: str) -> None:
    own = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    with tracer.start_as_current_span("request"):
        kept = client.register(task_type, metadata=own)
        first = client.register(task_type, task_id=f"{task_type}-1", exist_ok=True)
    with tracer.start_as_current_span("the same request, later"):
        again = client.register(task_type, task_id=f"{task_type}-1", exist_ok=True)
    without = client.register(task_type)

    assert client.get(kept).metadata == own
    assert again.task_id == first.task_id
    assert client.get(without).metadata is None


def test_a_program_without_opentelemetry_never_loads_it(service: Service, task_type: str) -> None:
    program = f"""
import sys
from tasktracker_client import TaskTracker
with TaskTracker({service.url!r}) as client:
    task = client.register({task_type!r})
    with client.worker({task_type!r}) as worker, worker.claim() as job:
        job.progress(percent=1)
    assert client.get(task).metadata is None
    assert not any(name.startswith("opentelemetry") for name in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
