"""The launch manifest carries all that a start needs, and gives it back exactly."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from collegium.domain.catalog import Image, InstanceType, Placement
from collegium.domain.jobs import Job, JobReason, JobSpec, JobState
from collegium.domain.launch import LaunchSpec
from collegium.domain.resources import Resources
from collegium.services.jobs.command import run_request
from collegium.services.jobs.manifest import launch_manifest


def test_what_was_resolved_is_what_starts() -> None:
    placement = Placement(
        {"disk": "ssd"},
        ({"key": "gpu", "operator": "Exists"},),
        {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
        "batch",
        1 << 30,
    )
    limits, requests = Resources.parse({"cpu": "2", "nvidia.com/gpu": 1}), Resources.parse({"cpu": "333m"})
    size = InstanceType("gpu", "GPU", limits, requests, placement=placement)
    image = Image("base", "Base", "registry.example.org/base:1", variables={"A": "b"}, pull_secret="team")
    spec = JobSpec("n", "gpu", "base", command="true", timeout_seconds=90)
    launch = json.loads(json.dumps(launch_manifest(LaunchSpec("physics", "ann", size, image), spec, None)))
    job = Job(
        "job-1",
        "physics",
        "ann",
        spec,
        limits,
        launch,
        JobState.PREPARING,
        JobReason.ADMITTED,
        "",
        datetime.now(UTC),
        attempt=1,
    )
    request = run_request(job)
    assert (request.resources, request.requests, request.placement) == (limits, requests, placement)
    assert (request.image, request.timeout_seconds) == (image, 90)
